import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

// Real users, groups and modes: only root may become others, and they must be able to read what is tested.

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LIBRARY = new URL('../../dist/lib/index.js', import.meta.url).href;
const ALICE = 61_001;
const BOB = 61_002;
const DEVS = 60_000;
const USERS = 60_001;

/** A user, with a primary group and others. */
interface User {
  uid: number;
  gid: number;
  groups?: readonly number[];
}

const root: User = { uid: 0, gid: 0 };
const alice: User = { uid: ALICE, gid: USERS, groups: [DEVS] };
const bob: User = { uid: BOB, gid: BOB };

function as({ uid, gid, groups = [] }: User): string[] {
  const others = groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups';
  return uid === 0 ? ['env'] : ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, others];
}

const permitted = spawnSync('setpriv', [...as(bob).slice(1), process.execPath, CLI, '--version'], { timeout: 20_000 });
const mayBecomeOthers = process.getuid?.() === 0 && permitted.status === 0;

let directory: string;
let file: string;
let store: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-owner-'));
  file = path.join(directory, 'ticket.json');
  store = path.join(directory, '.lockstep');
});

afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function run(user: User, command: string[], env: Record<string, string> = {}): Outcome {
  const [program = '', ...args] = [...as(user), ...command];
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    cwd: '/',
    env: { ...process.env, LOCKSTEP_DIR: '', ...env },
  });
  return { status, stdout, stderr };
}

const lockstep = (user: User, args: string[], env?: Record<string, string>) =>
  run(user, [process.execPath, CLI, ...args], env);

function succeeds(outcome: Outcome): void {
  expect(outcome).toMatchObject({ status: 0 });
}

/** Acquires and releases so often that the journal rotates, and holds, then exits. */
const BUSY = `
  import fs from 'node:fs';
  import { Lock, openStore, openStoreBeside } from '${LIBRARY}';
  const [place, isBeside] = process.argv.slice(1);
  const store = isBeside === 'beside' ? openStoreBeside(place) : openStore(place);
  const lock = new Lock('ticket.json', { store });
  for (let i = 0; i < 700; i++) await (await lock.acquire()).release();
  const lease = await lock.acquire();
  const sessions = store.place + '/sessions';
  while (!fs.readdirSync(sessions).some((name) => name.endsWith('.life'))) await new Promise((done) => setTimeout(done, 5));
  process.stdout.write('beating');
  for await (const chunk of process.stdin) if (chunk) break;
  await lease.release();
  process.exit();
`;

/** Runs it, and calls while it holds and beats. */
async function busy(
  user: User,
  args: string[],
  meanwhile: () => void,
  env: Record<string, string> = {},
): Promise<void> {
  const [program = '', ...rest] = [...as(user), process.execPath, '--input-type=module', '-e', BUSY, ...args];
  const child = spawn(program, rest, {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    env: { ...process.env, LOCKSTEP_DIR: '', ...env },
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const began = await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  try {
    expect(String(began)).toBe('beating');
    meanwhile();
  } finally {
    child.stdin.end('go');
  }
  expect(await ended).toBe(0);
}

/** Whose everything in a directory is, and its mode. */
function owners(at: string): string[] {
  const names = ['', ...(fs.readdirSync(at, { recursive: true }) as string[])];
  const found = names.map((name) => {
    const { uid, gid, mode } = fs.lstatSync(path.join(at, name));
    return `${uid}:${gid} ${(mode & 0o7777).toString(8)} ${(mode & 0o170000) === 0o040000 ? 'directory' : 'file'}`;
  });
  return [...new Set(found)].sort();
}

function makeProject(uid: number, gid: number, mode: number): void {
  fs.writeFileSync(file, '{"n":1}');
  fs.chownSync(file, uid, gid);
  fs.chownSync(directory, uid, gid);
  fs.chmodSync(directory, mode);
}

describe.runIf(mayBecomeOthers)('a store beside a file in a directory of another user', () => {
  test('is that user’s in every part, when root makes it, rotates its journal, beats and leaves', async () => {
    makeProject(BOB, BOB, 0o755);
    const bobs = [`${BOB}:${BOB} 600 file`, `${BOB}:${BOB} 700 directory`];
    await busy(root, [file, 'beside'], () => expect(owners(store)).toEqual(bobs));
    expect(fs.readdirSync(path.join(store, 'resources/ticket.json')).length).toBe(2);
    expect(owners(store)).toEqual(bobs);
    succeeds(lockstep(bob, ['run', '--file', file, '--', 'true']));
  });

  test('is still usable to that user after root has rotated what the user began', async () => {
    makeProject(BOB, BOB, 0o755);
    succeeds(lockstep(bob, ['run', '--file', file, '--', 'true']));
    await busy(root, [file, 'beside'], () => undefined);
    succeeds(lockstep(bob, ['run', '--file', file, '--', 'true']));
    expect(owners(store)).toEqual([`${BOB}:${BOB} 600 file`, `${BOB}:${BOB} 700 directory`]);
  });

  test('is left alone by a root that may not give files away', () => {
    makeProject(BOB, BOB, 0o755);
    const powerless = ['setpriv', '--bounding-set=-chown', process.execPath, CLI];
    const refused = () => run(root, [...powerless, 'run', '--file', file, '--', 'true']);
    expect(refused()).toMatchObject({ status: 74, stderr: expect.stringContaining('not permitted (EPERM)') });
    expect(fs.readdirSync(directory)).toEqual(['ticket.json']);
    succeeds(lockstep(bob, ['run', '--file', file, '--', 'true']));
    expect(refused()).toMatchObject({ status: 74 });
    expect(owners(store)).toEqual([`${BOB}:${BOB} 600 file`, `${BOB}:${BOB} 700 directory`]);
    succeeds(lockstep(bob, ['run', '--file', file, '--', 'true']));
  });

  test('is the file’s owner’s where everybody may write, and root may use it again', () => {
    makeProject(0, 0, 0o1777);
    fs.chownSync(file, BOB, BOB);
    for (let time = 0; time < 2; time++) succeeds(lockstep(root, ['run', '--file', file, '--', 'true']));
    expect(owners(store)).toEqual([`${BOB}:${BOB} 600 file`, `${BOB}:${BOB} 700 directory`]);
    succeeds(lockstep(bob, ['run', '--file', file, '--', 'true']));
    fs.chownSync(file, ALICE, USERS);
    expect(lockstep(root, ['run', '--file', file, '--', 'true']).stderr).toContain('it belongs to another user');
  });
});

describe.runIf(mayBecomeOthers)('a store that root shares with its owner and a group', () => {
  test('is theirs in every part: locks, sessions, jobs, their outputs and beats', async () => {
    fs.chmodSync(directory, 0o755);
    const shared = path.join(directory, 'store');
    fs.mkdirSync(shared);
    fs.chownSync(shared, ALICE, DEVS);
    // Without setgid: the group is not handed on by the directory.
    fs.chmodSync(shared, 0o770);
    const env = { LOCKSTEP_SHARED: '1' };
    await busy(root, [shared, 'store'], () => undefined, env);
    succeeds(lockstep(root, ['job', 'nightly', '--dir', shared, '--', 'true'], env));
    succeeds(lockstep(root, ['beat', 'packer', '--dir', shared, '--', 'true'], env));
    const theirs = [`${ALICE}:${DEVS} 660 file`, `${ALICE}:${DEVS} 770 directory`];
    expect(fs.readdirSync(shared).sort()).toEqual(['beats', 'jobs', 'new', 'resources', 'sessions']);
    expect(owners(shared)).toEqual(theirs);
    // A member whose primary group is another one leaves the group's things to the group.
    succeeds(lockstep(alice, ['job', 'weekly', '--dir', shared, '--', 'true'], env));
    expect(owners(shared)).toEqual(theirs);
  });
});

describe.runIf(mayBecomeOthers)('a store beside a file in a directory in which a group may write', () => {
  const use = (user: User) => lockstep(user, ['run', '--file', file, '--', 'true']);

  test('is that group’s, whatever the primary group of the user who makes it, with and without setgid', () => {
    for (const mode of [0o775, 0o2775]) {
      makeProject(ALICE, DEVS, mode);
      succeeds(use(alice));
      expect(owners(store)).toEqual([`${ALICE}:${DEVS} 2770 directory`, `${ALICE}:${DEVS} 660 file`]);
      succeeds(use({ uid: BOB, gid: BOB, groups: [DEVS] }));
      expect(use({ uid: 61_003, gid: USERS }).stderr).toMatch(/EACCES|permission denied/);
      fs.rmSync(store, { recursive: true });
    }
  });

  test('is no group’s at all if its maker cannot give it to that group', () => {
    for (const mode of [0o775, 0o2775]) {
      makeProject(ALICE, DEVS, mode);
      succeeds(use({ uid: ALICE, gid: USERS }));
      expect(fs.statSync(store)).toMatchObject({
        uid: ALICE,
        mode: expect.toSatisfy((bits) => (bits & 0o777) === 0o700),
      });
      expect(owners(store).every((one) => /\b(2?700 directory|600 file)$/.test(one))).toBe(true);
      fs.rmSync(store, { recursive: true });
    }
  });

  test('is refused if another group may write in it, with words that say how to correct it', () => {
    makeProject(ALICE, DEVS, 0o775);
    fs.mkdirSync(store);
    fs.chownSync(store, ALICE, USERS);
    fs.chmodSync(store, 0o770);
    const { status, stderr } = use(alice);
    expect(status).not.toBe(0);
    expect(stderr).toContain(`its group may write in it (gid ${USERS}, mode 0770)`);
    expect(stderr).toContain(`chgrp -R ${DEVS} corrects that, or chmod -R g-rwx`);
    expect(fs.readdirSync(store)).toEqual([]);
    succeeds(run(alice, ['chgrp', '-R', String(DEVS), store]));
    succeeds(use(alice));
  });

  test('goes on working where an older version let its group read', () => {
    makeProject(ALICE, USERS, 0o755);
    fs.mkdirSync(store);
    fs.chownSync(store, ALICE, USERS);
    fs.chmodSync(store, 0o750);
    succeeds(use(alice));
    expect(fs.statSync(store).mode & 0o7777).toBe(0o750);
    expect(fs.statSync(path.join(store, 'resources/ticket.json/journal.1')).mode & 0o7777).toBe(0o600);
  });
});

describe('a store beside a file', () => {
  const use = () => lockstep(root, ['run', '--file', file, '--', 'true']);

  test('is nothing for a repository', () => {
    fs.writeFileSync(file, '{}');
    spawnSync('git', ['init', '-q'], { cwd: directory });
    succeeds(lockstep(root, ['run', '--file', file, '--', 'true', '--password=hunter2']));
    expect(fs.readFileSync(path.join(store, '.gitignore'), 'utf8')).toBe('*\n');
    const status = spawnSync('git', ['status', '--porcelain', '--untracked-files=all'], {
      cwd: directory,
      encoding: 'utf8',
    });
    if (status.error === undefined) expect(status.stdout).toBe('?? ticket.json\n');
    expect(lockstep(root, ['doctor', '--dir', store]).stdout).not.toContain('not Lockstep’s');
  });

  test('leaves a .gitignore as it is, empty or another', () => {
    fs.writeFileSync(file, '{}');
    fs.mkdirSync(store, { mode: 0o700 });
    for (const text of ['', '!kept\n']) {
      fs.writeFileSync(path.join(store, '.gitignore'), text);
      succeeds(use());
      expect(fs.readFileSync(path.join(store, '.gitignore'), 'utf8')).toBe(text);
    }
    expect(fs.readdirSync(store).sort()).toEqual(['.gitignore', 'new', 'resources', 'sessions']);
  });

  test('is not left behind by a look, nor by what was refused', () => {
    fs.writeFileSync(file, '{}');
    for (const [args, status] of [
      [['status', '--file', file], 0],
      [['wait', '--file', file], 0],
      [['break', '--file', file], 0],
      [['history', '--file', file], 1],
      [['release', '--file', file, '--pid', String(process.pid)], 1],
      [['run', '--file', file, '-p', '0', '--', 'true'], 64],
      [['run', '--file', file, '-p', '2', '-s', '--', 'true'], 64],
      [['acquire', '--file', file, '--pid', '4194305'], 64],
    ] as const) {
      expect([args, lockstep(root, [...args]).status]).toEqual([args, status]);
      expect([args, fs.readdirSync(directory)]).toEqual([args, ['ticket.json']]);
    }
  });

  test('like any other store, is not left behind by a look', () => {
    for (const args of [
      ['status'],
      ['status', 'x'],
      ['wait', 'x'],
      ['break', 'x'],
      ['history', 'x'],
      ['jobs'],
      ['counter', 'x'],
    ]) {
      lockstep(root, [...args, '--dir', path.join(directory, 'store')]);
      expect([args, fs.readdirSync(directory)]).toEqual([args, []]);
    }
  });
});

describe.runIf(mayBecomeOthers && process.platform === 'linux')('who controls a store', () => {
  test('cannot have root’s doctor delete, or show, anything elsewhere', () => {
    const precious = path.join(directory, 'precious');
    fs.mkdirSync(precious);
    fs.chmodSync(directory, 0o755);
    const shared = path.join(directory, 'store');
    fs.mkdirSync(shared);
    fs.chownSync(shared, BOB, DEVS);
    fs.chmodSync(shared, 0o2770);
    const longAgo = new Date('2020-01-01');
    for (const name of ['4000000-dead', '.make.old', '.next.old', '.look.old']) {
      fs.writeFileSync(path.join(precious, name), 'precious');
      fs.utimesSync(path.join(precious, name), longAgo, longAgo);
    }
    const before = fs.readdirSync(precious).sort();
    for (const turned of ['sessions', 'beats', 'jobs', 'resources']) {
      succeeds(run(bob, ['ln', '-s', precious, path.join(shared, turned)]));
      const { stdout } = lockstep(root, ['doctor', '--fix', '--dir', shared], { LOCKSTEP_SHARED: '1' });
      expect(fs.readdirSync(precious).sort()).toEqual(before);
      expect(stdout).not.toContain('4000000-dead');
      fs.unlinkSync(path.join(shared, turned));
    }
  });
});
