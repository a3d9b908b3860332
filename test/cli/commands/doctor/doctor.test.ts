import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inShell } from '../../../../cli/text/shell-word.ts';
import { nodeHost } from '../../../../lib/host/node-host.ts';
import { eventText, runFile, startText } from '../../../../lib/jobs/record-format.ts';
import { toWire } from '../../../../lib/session/facts.ts';
import { type Result, Rig, until } from '../../../support/cli-rig.ts';
import { PLAN } from '../../../support/recorded-run.ts';

interface Found {
  check: string;
  level: 'ok' | 'note' | 'warning' | 'problem';
  what: string;
  where: string[];
  why: string;
  remedy: string;
  fixed: boolean;
}

const HOUR_MS = 3_600_000;
const isRoot = process.getuid?.() === 0;
/** Whether a file system can be mounted, in a mount namespace that goes with the process. */
const canMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

function doctor(...args: string[]): Promise<Result> {
  return rig.run('doctor', ...args);
}

/** What it found that is not just well, or only due to where the tests run. */
async function findings(...args: string[]): Promise<Found[]> {
  const { status, stdout, stderr } = await doctor('--json', ...args);
  expect(stderr).toBe('');
  return told(stdout, status);
}

function told(stdout: string, status: Result['status']): Found[] {
  const { well, findings: list } = JSON.parse(stdout) as { well: boolean; findings: Found[] };
  const isProblem = list.some(({ level }) => level === 'problem');
  expect({ well, status }).toEqual({ well: !isProblem, status: isProblem ? 1 : 0 });
  for (const one of list) if (one.level !== 'ok') expect(one.what).not.toBe('');
  return list.filter(({ level, check }) => level !== 'ok' && !(check === 'place' && level !== 'problem'));
}

async function use(name: string): Promise<void> {
  // In another process: this one's heartbeat would make files while the store is compared.
  expect((await rig.run('run', name, '--', 'true')).status).toBe(0);
}

/** Writes a record into a resource's journal. */
function append(name: string, ...record: unknown[]): void {
  fs.appendFileSync(path.join(rig.storePath, 'resources', name, 'journal.1'), `\n${JSON.stringify(record)}`);
}

function enter(name: string, facts: unknown, at: number, key = 'aa'): void {
  append(name, 'enter', `${key}:1`, facts, 1, at, 'work');
}

/** A file or directory that is two hours old. */
function old(...names: string[]): string {
  const file = path.join(rig.storePath, ...names);
  const then = (Date.now() - 2 * HOUR_MS) / 1_000;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  if (/\.(lock|make\..*)$/.test(file)) fs.mkdirSync(file);
  else fs.writeFileSync(file, '');
  fs.utimesSync(file, then, then);
  return file;
}

function everything(): string[] {
  return (fs.readdirSync(rig.directory, { recursive: true }) as string[]).sort();
}

const here = toWire(nodeHost.processes.self());
/** A pid that is nobody's. */
const NOBODY = 2 ** 31 - 2;

describe('a store that is well', () => {
  test('gets a short, calm report, and is not changed', async () => {
    await use('deploy');
    const before = everything();
    const { status, stdout, stderr } = await doctor();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`ok       the store is ${rig.storePath}, chosen by LOCKSTEP_DIR\n`);
    expect(stdout).toMatch(/\n(All is well|0 problems, 1 warning)\.\n$/);
    expect(stdout.split('\n').length).toBeLessThan(30);
    expect(everything()).toEqual(before);
    expect(await findings()).toEqual([]);
  });

  test('has nothing in it that is taken for another program’s, whatever was used', async () => {
    rig.write('ticket.json', '{"left":2}');
    const uses = [
      ['edit', 'ticket.json', '--', 'sed', 's/2/1/'],
      ...[['run'], ['job'], ['beat']].map(([verb = '']) => [verb, `a-${verb}`, '--dir', '.lockstep', '--', 'true']),
      ['queue', 'tasks', 'put', 'first', '--dir', '.lockstep'],
      ['counter', 'count', '+1', '--dir', '.lockstep'],
      ['event', 'set', 'ready', '--dir', '.lockstep'],
      ['forget', 'a-run', '--dir', '.lockstep'],
    ];
    for (const use of uses) expect((await rig.run(...use)).status, use.join(' ')).toBe(0);
    const { stdout } = await doctor('--dir', '.lockstep', '--json');
    const strangers = told(stdout, 0).filter(({ what }) => what.includes('not of Lockstep'));
    expect(strangers).toEqual([]);
    const kinds = fs.readdirSync(rig.path('.lockstep')).sort();
    expect(kinds).toEqual(['.gitignore', 'beats', 'forgotten', 'hints', 'jobs', 'new', 'resources', 'sessions']);
  });

  test('that is not there yet is well too, and is not made', async () => {
    expect((await doctor()).stdout).toContain('it is created when it is first used');
    expect(rig.exists('store')).toBe(false);
    expect(await findings('--fix')).toEqual([]);
    expect(everything()).toEqual([]);
  });

  test('looks nothing up in a sealed epoch by going on to the next', async () => {
    await use('deploy');
    append('deploy', 'seal', 'aa:seal1', Date.now() * 1_000);
    const before = everything();
    expect(await findings()).toEqual([]);
    expect(everything()).toEqual(before);
  });
});

describe('the place', () => {
  test('is said to be another one than that of who has no LOCKSTEP_DIR', async () => {
    const { stdout } = await doctor('--json');
    const { chosenBy, store, findings: list } = JSON.parse(stdout);
    expect({ chosenBy, store }).toEqual({ chosenBy: 'LOCKSTEP_DIR', store: rig.storePath });
    expect(
      list.find(({ what }: Found) => what.startsWith('processes without LOCKSTEP_DIR use another store')),
    ).toMatchObject({
      check: 'place',
      remedy: expect.stringContaining('crontab'),
    });
    const given = JSON.parse((await doctor('--json', '--dir', rig.path('other'))).stdout);
    expect(given).toMatchObject({ chosenBy: '--dir', store: rig.path('other') });
  });

  test('is a problem if others may write in it, or if it is a link; and nothing is written there', async () => {
    fs.mkdirSync(rig.storePath);
    fs.chmodSync(rig.storePath, 0o777);
    expect(await findings()).toMatchObject([
      { check: 'fitness', level: 'problem', what: expect.stringContaining('chmod 700') },
    ]);
    fs.rmdirSync(rig.storePath);
    fs.mkdirSync(rig.path('real'));
    fs.symlinkSync(rig.path('real'), rig.storePath);
    expect(await findings()).toMatchObject([
      { check: 'fitness', level: 'problem', what: expect.stringContaining('symbolic link') },
    ]);
  });

  test.skipIf(!isRoot)('is only looked at by root if it is another user’s', async () => {
    fs.mkdirSync(rig.storePath, { mode: 0o700 });
    fs.chownSync(rig.storePath, 1, 1);
    expect(await findings()).toMatchObject([
      { check: 'fitness', level: 'note', what: expect.stringContaining('another user (uid 1)') },
    ]);
    expect(fs.readdirSync(rig.storePath)).toEqual([]);
  });

  test('is a problem if everybody can replace a directory above it', async () => {
    const store = rig.path('open', 'store');
    fs.mkdirSync(store, { recursive: true, mode: 0o700 });
    fs.chmodSync(rig.path('open'), 0o777);
    expect(await findings('--dir', store)).toMatchObject([
      {
        check: 'parents',
        level: 'problem',
        where: [rig.path('open')],
        remedy: `chmod o-w ${inShell(rig.path('open'))}`,
      },
    ]);
    fs.chmodSync(rig.path('open'), 0o1777);
    expect(await findings('--dir', store)).toEqual([]);
  });

  test('is a problem if LOCKSTEP_GUARDED comes too late', async () => {
    await use('deploy');
    const program = rig.lockstep(['doctor', '--json'], { input: '', env: { LOCKSTEP_GUARDED: '1' } });
    const { stdout, status } = await program.ended;
    expect(told(stdout, status)).toMatchObject([
      { check: 'fitness', level: 'problem', what: expect.stringContaining('LOCKSTEP_GUARDED') },
    ]);
    expect(rig.exists('store/guarded')).toBe(false);
  });

  test('that is guarded is said to be slow', async () => {
    await rig.lockstep(['run', 'x', '--', 'true'], { input: '', env: { LOCKSTEP_GUARDED: '1' } }).ended;
    expect(await findings()).toMatchObject([
      { check: 'file system', level: 'note', what: expect.stringContaining('guarded') },
    ]);
  });
});

describe.skipIf(!canMount)('a file system', () => {
  async function mounted(options: string, after = ''): Promise<Found[]> {
    fs.mkdirSync(rig.path('mnt'));
    const script = `mount -t tmpfs -o mode=700,${options} none mnt && mkdir -m 700 mnt/store && ${after || ':'} && exec "$NODE" "$MAIN" doctor --json --dir mnt/store`;
    const { stdout, stderr, status } = await rig.start('unshare', ['--mount', 'sh', '-c', script], { input: '' }).ended;
    expect(stderr).toBe('');
    return told(stdout, status);
  }

  test('in memory is warned of: a reboot empties it', async () => {
    expect(await mounted('size=100m')).toMatchObject([
      { check: 'file system', level: 'warning', what: expect.stringContaining('tmpfs') },
    ]);
  });

  test('that is nearly full is warned of, and one that is full is a problem', async () => {
    expect(await mounted('size=10m')).toContainEqual(expect.objectContaining({ check: 'space', level: 'warning' }));
    fs.rmdirSync(rig.path('mnt'));
    const full = await mounted('size=2m', '{ dd if=/dev/zero of=mnt/fill bs=4096 2>/dev/null || :; }');
    expect(full).toContainEqual(expect.objectContaining({ check: 'space', level: 'problem' }));
    expect(full).toContainEqual(expect.objectContaining({ check: 'files', level: 'problem' }));
  });

  test('without room for more files is a problem', async () => {
    const few = await mounted('size=100m,nr_inodes=8');
    expect(few).toContainEqual(
      expect.objectContaining({ check: 'space', level: 'problem', what: expect.stringContaining('files') }),
    );
  });

  test('that is read-only is a problem', async () => {
    const readOnly = await mounted('size=100m', 'mount -o remount,ro mnt');
    expect(readOnly).toContainEqual(expect.objectContaining({ check: 'file system', level: 'problem' }));
    expect(readOnly).toContainEqual(expect.objectContaining({ check: 'files', level: 'problem' }));
  });
});

describe('an entry', () => {
  test('of a process that was killed is named, and `break` as the doctor says it removes it', async () => {
    const holder = rig.start('sleep', ['60']);
    const token = (await rig.run('acquire', "it's mine", '--pid', String(holder.pid))).stdout.trim();
    expect(await findings()).toEqual([]);
    holder.destroy();
    await holder.exited();
    const [found] = await findings();
    expect(found).toMatchObject({
      check: 'entries',
      level: 'note',
      what: `pid ${holder.pid} holds it's mine, and its process is gone`,
      where: [expect.stringContaining(`token ${token}: pid ${holder.pid} on `)],
    });
    const [, command = ''] = found?.remedy.split(/(?=lockstep break)/) ?? [];
    expect((await rig.script(command).ended).stdout).toContain(`evicted token ${token}`);
    expect(await findings()).toEqual([]);
  });

  test('of a deadlock is a problem', async () => {
    const nested = (outer: string, inner: string) =>
      rig.script(
        `lockstep run ${outer} -- sh -c 'echo in; read -r _; exec "$NODE" "$MAIN" run ${inner} --no-deadlock-check -- true'`,
      );
    const [one, other] = [nested('a', 'b'), nested('b', 'a')];
    await Promise.all([one.says('in'), other.says('in')]);
    one.write('\n');
    other.write('\n');
    await rig.line('a', 1, 1);
    await rig.line('b', 1, 1);
    await until('both say what they keep', async () =>
      (await Promise.all(['a', 'b'].map((name) => rig.entries(name)))).every(
        (line) => line[1]?.keeps.held.length === 1,
      ),
    );
    const found = (await findings()).filter(({ check }) => check === 'entries');
    expect(found).toHaveLength(4);
    expect(found.every(({ level, what }) => level === 'problem' && what.startsWith('a deadlock'))).toBe(true);
  });

  test('that is held for more than a day is warned of, and one that waits for more than an hour', async () => {
    await use('deploy');
    const then = (Date.now() - 25 * HOUR_MS) * 1_000;
    append('deploy', 'seal', 'aa:s', 1);
    const header = { name: 'deploy', kind: 'lock', permits: 1, last: then + 1, token: then, value: 0 };
    const entries = [
      [then, 'aa:1', [['aa', here]], 1, then, 'work', then],
      [then + 1, 'bb:1', [['bb', here]], 1, then + 1, 'other work', 0],
    ];
    const next = path.join(rig.storePath, 'resources/deploy/journal.2');
    fs.writeFileSync(next, JSON.stringify(['lockstep', 2, { ...header, entries }]));
    expect(await findings()).toMatchObject([
      { check: 'entries', level: 'warning', what: `pid ${process.pid} has held deploy for 1d 1h` },
      { check: 'entries', level: 'warning', what: `pid ${process.pid} has waited for deploy for 1d 1h` },
    ]);
  });

  test('of another machine without a heartbeat is warned of; with one it is not; with one that stands still it is reported', async () => {
    await use('deploy');
    enter('deploy', [4711, 4711, 1, 'another-boot', 1, 'far-away'], Date.now() * 1_000, 'abc');
    expect(await findings()).toMatchObject([
      {
        check: 'entries',
        level: 'warning',
        what: expect.stringContaining('pid 4711 on far-away holds deploy'),
        remedy: expect.stringContaining('lockstep break deploy --token'),
      },
    ]);
    fs.mkdirSync(path.join(rig.storePath, 'sessions/4711-abc.lock'), { recursive: true });
    expect(await findings()).toEqual([]);
    fs.rmdirSync(path.join(rig.storePath, 'sessions/4711-abc.lock'));
    old('sessions', '4711-abc.lock');
    expect(await findings()).toMatchObject([
      { check: 'entries', level: 'note', what: expect.stringContaining('has stopped') },
    ]);
  });
});

test('a ticket from the future shows that a clock was wrong', async () => {
  await use('deploy');
  const later = (Date.now() + 26 * HOUR_MS) * 1_000;
  enter('deploy', here, later);
  append('deploy', 'leave', 'aa:2', later, later);
  expect(await findings()).toMatchObject([
    { check: 'tickets', level: 'warning', what: expect.stringMatching(/^the last ticket of deploy is 1d [12]h ahead/) },
  ]);
});

describe('leftovers', () => {
  test('are reported, and removed by --fix alone; what may be somebody’s stays', async () => {
    await use('deploy');
    const dead = [
      old('sessions', `${NOBODY}-dead1`),
      old('sessions', `${NOBODY}-dead2`),
      old('sessions', `${NOBODY}-dead2.lock`),
      old('resources', 'deploy', 'next.2.dead1.1'),
      old('beats', '.next.dead'),
      old('.make.abc'),
      old('resources', '.make.abc'),
    ];
    enter('deploy', [NOBODY, NOBODY, 1, 'another-boot', 1, 'far-away'], Date.now() * 1_000, 'owner');
    const kept = [
      old('sessions', `${process.pid}-mine`),
      old('sessions', `${NOBODY}-owner`),
      old('resources', 'deploy', 'next.2.mine.1'),
      ...[`sessions/${NOBODY}-young`, 'resources/deploy/next.2.young.1'].map((name) => rig.write(`store/${name}`, '')),
    ];
    const journal = rig.read('store/resources/deploy/journal.1');
    const before = everything();
    const told = (await findings()).filter(({ check }) => check === 'leftovers');
    expect(told.flatMap(({ where }) => where).sort()).toEqual([...dead].sort());
    expect(told.every(({ level, remedy, fixed }) => level === 'note' && remedy.includes('--fix') && !fixed)).toBe(true);
    expect(everything()).toEqual(before);

    const fixed = (await findings('--fix')).filter(({ check }) => check === 'leftovers');
    expect(fixed.flatMap(({ where }) => where).sort()).toEqual([...dead].sort());
    expect(fixed.every((one) => one.fixed)).toBe(true);
    expect(everything().map((name) => rig.path(name))).toEqual(
      before.map((name) => rig.path(name)).filter((name) => !dead.includes(name)),
    );
    for (const file of kept) expect(fs.existsSync(file)).toBe(true);
    expect(rig.read('store/resources/deploy/journal.1')).toBe(journal);
    expect((await findings()).filter(({ check }) => check === 'leftovers')).toEqual([]);
  });

  test('of sessions stay where a journal cannot be read: it may be theirs', async () => {
    await use('deploy');
    const file = old('sessions', `${NOBODY}-dead`);
    rig.write('store/resources/deploy/journal.2', 'no journal');
    await findings('--fix');
    expect(fs.existsSync(file)).toBe(true);
  });

  test('a directory that is not empty is not removed', async () => {
    await use('deploy');
    const directory = old('.make.full');
    fs.writeFileSync(path.join(directory, 'file'), '');
    const then = (Date.now() - 2 * HOUR_MS) / 1_000;
    fs.utimesSync(directory, then, then);
    expect(await findings('--fix')).toMatchObject([{ check: 'leftovers', fixed: false }]);
    expect(fs.existsSync(directory)).toBe(true);
  });

  test('a resource that was only prepared is removed, and what forgetting leaves is ours', async () => {
    await use('deploy');
    expect((await rig.run('forget', 'deploy')).status).toBe(0);
    const directory = rig.path('store/new/.new.dead.1');
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, 'journal.1'), '');
    expect(await findings('--fix')).toEqual([]);
    const then = (Date.now() - 2 * HOUR_MS) / 1_000;
    fs.utimesSync(directory, then, then);
    expect(await findings('--fix')).toMatchObject([{ check: 'leftovers', where: [directory], fixed: true }]);
    expect(fs.readdirSync(rig.path('store/new'))).toEqual([]);
  });

  test('what is not ours, and epochs too many, are reported and left alone', async () => {
    await use('deploy');
    rig.write('store/README', '');
    rig.write('store/resources/deploy/notes', '');
    fs.mkdirSync(rig.path('store/resources/not encoded'));
    for (const epoch of [2, 3])
      fs.copyFileSync(
        rig.path('store/resources/deploy/journal.1'),
        rig.path(`store/resources/deploy/journal.${epoch}`),
      );
    const before = everything();
    const [strangers, epochs, ...rest] = await findings('--fix');
    expect(rest).toEqual([]);
    expect(strangers?.where.sort()).toEqual(
      ['README', 'resources/deploy/notes', 'resources/not encoded'].map((name) => rig.path('store', name)),
    );
    expect(epochs).toMatchObject({ level: 'note', where: [rig.path('store/resources/deploy')] });
    expect(everything()).toEqual(before);
  });
});

test('a journal of an unknown format, or one that is none, is a problem', async () => {
  await use('a');
  await use('b');
  await use('c');
  rig.write('store/resources/a/journal.2', '["lockstep",3,{}]');
  rig.write('store/resources/b/journal.2', 'garbage');
  fs.renameSync(rig.path('store/resources/c'), rig.path('store/resources/d'));
  expect(await findings()).toMatchObject([
    {
      check: 'journals',
      level: 'problem',
      what: expect.stringContaining('format 3'),
      where: [rig.path('store/resources/a')],
    },
    { check: 'journals', level: 'problem', what: expect.stringContaining('not the header') },
    { check: 'journals', level: 'problem', what: expect.stringContaining('another name') },
  ]);
});

test('a reporter that was killed is warned of', async () => {
  const beat = rig.lockstep(['beat', 'packer', '--every', '50ms']);
  await until('it reports', () => rig.exists('store/beats/packer'));
  expect(await findings()).toEqual([]);
  beat.destroy();
  await beat.exited();
  expect(await findings()).toMatchObject([
    { check: 'reports', level: 'warning', what: expect.stringMatching(/^packer is gone since /) },
  ]);
});

test('a run that ended without a word is warned of, and one that ended is not', async () => {
  await use('deploy');
  const facts = { ...nodeHost.processes.self(), pid: NOBODY, tid: NOBODY };
  const run = { job: 'backup', key: 'k1', facts, at: Date.now(), label: './backup.sh', plan: PLAN };
  const file = `store/jobs/backup/${runFile(run)}`;
  fs.mkdirSync(rig.path('store/jobs/backup'), { recursive: true });
  rig.write(file, startText(run));
  expect(await findings()).toMatchObject([
    {
      check: 'runs',
      level: 'warning',
      what: expect.stringMatching(/^the job backup has 1 lost run, the last one of /),
    },
  ]);
  const end = { it: 'ended', at: Date.now(), outcome: 'succeeded', code: 0, reason: '', by: '', tail: '' } as const;
  fs.appendFileSync(rig.path(file), eventText(end));
  expect(await findings()).toEqual([]);
});

test('names in a store are shown, and not obeyed by the terminal', async () => {
  await use('red\u001b[31m');
  fs.writeFileSync(path.join(rig.storePath, 'resources', 'red%1B%5B31m', 'x\u001b[2J'), '');
  const { stdout } = await doctor();
  expect(stdout).toContain('x\\x1b[2J');
  expect(stdout).not.toContain('\u001b');
});
