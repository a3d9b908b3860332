import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAIN } from '../../support/cli-rig.ts';

// Real users: only root may become others, and they must be able to read what is tested.

const ALICE = 61_001;
const BOB = 61_002;

function as(uid: number): string[] {
  return uid === 0 ? ['env'] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
}

const permitted = spawnSync('setpriv', [...as(BOB).slice(1), process.execPath, MAIN, '--version'], { timeout: 20_000 });
const mayBecomeOthers = process.getuid?.() === 0 && permitted.status === 0;

let directory: string;
let store: string;

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-other-'));
  fs.chmodSync(directory, 0o755);
  store = path.join(directory, 'store');
  if (!mayBecomeOthers) return;
  fs.mkdirSync(store, { mode: 0o700 });
  fs.chownSync(store, ALICE, ALICE);
  for (const args of [
    ['run', 'x', '--', 'true'],
    ['job', 'j', '--', 'echo', 'out'],
    ['counter', 'c', '+1'],
    ['beat', 'b', '--', 'true'],
  ])
    expect(lockstep(ALICE, ...args)).toMatchObject({ status: 0, stderr: '' });
});

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

function lockstep(uid: number, ...args: string[]) {
  const [program = '', ...words] = [...as(uid), process.execPath, MAIN, ...args];
  const { status, stdout, stderr } = spawnSync(program, words, {
    encoding: 'utf8',
    timeout: 60_000,
    cwd: '/',
    input: '',
    env: { ...process.env, LOCKSTEP_DIR: store },
  });
  return { status, stdout, stderr };
}

/** Every file in the store: whose it is, its mode, its contents' size, and when it changed. */
function listing(): string[] {
  const files = ['.', ...fs.readdirSync(store, { recursive: true, encoding: 'utf8' })].sort();
  return files.map((file) => {
    const { uid, gid, mode, size, mtimeMs, ctimeMs } = fs.lstatSync(path.join(store, file));
    return [file, uid, gid, mode.toString(8), size, mtimeMs, ctimeMs].join(' ');
  });
}

describe.runIf(mayBecomeOthers)("another user's store", () => {
  test.each([
    [['status', '--all'], /^c +counter/m],
    [['status', 'x', '--json'], /"resource": "x"/],
    [['jobs'], /^j .* ok /m],
    [['jobs', '--check'], /^$/],
    [['history', 'j', '--output'], /succeeded[\s\S]*out/],
    [['history', 'x'], /released/],
    [['timeline', '-o', '-'], /<svg/],
    [['top', '--once'], /^lockstep top/],
    [['monitor', '--once'], /^b +/m],
    [
      ['doctor'],
      /note +it belongs to another user \(uid 61001\), so it is only looked at[\s\S]*(All is well|0 problems)/,
    ],
  ])('is shown to root by %j, and nothing in it is made or changed', (args, shown) => {
    const before = listing();
    const { status, stdout, stderr } = lockstep(0, ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(shown);
    expect(listing()).toEqual(before);
  });

  test.each([[['run', 'x', '--', 'true']], [['forget', 'x']], [['job', 'j', '--', 'true']]])(
    'is not used by root in %j',
    (args) => {
      const before = listing();
      expect(lockstep(0, ...args)).toMatchObject({
        status: 74,
        stderr: expect.stringContaining('it belongs to another user (uid 61001)'),
      });
      expect(listing()).toEqual(before);
    },
  );

  test('is not repaired by root', () => {
    const { status, stderr } = lockstep(0, 'doctor', '--fix');
    expect([status, stderr]).toEqual([64, expect.stringContaining('removes nothing from the store of another user')]);
  });

  test.each(['status', 'top', 'jobs', 'monitor', 'timeline -o -', 'history x'])(
    'is refused to others by %s, with the reason',
    (verb) => {
      const { status, stderr } = lockstep(BOB, ...verb.split(' '));
      expect([status, stderr]).toEqual([
        74,
        expect.stringMatching(
          /^lockstep: the store \S+ cannot be trusted: it belongs to another user \(uid 61001\)\. [^\n]*\n$/,
        ),
      ]);
    },
  );

  test('is a problem to others for doctor, which names the reason', () => {
    const { status, stdout, stderr } = lockstep(BOB, 'doctor');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/problem +the store \S+ cannot be trusted: it belongs to another user \(uid 61001\)/);
  });

  test('of which its user may not read a part is explained, with that part', () => {
    const part = path.join(store, 'resources');
    fs.chmodSync(part, 0);
    try {
      for (const verb of ['status', 'top', 'doctor']) {
        const { stdout, stderr } = lockstep(ALICE, verb);
        expect(stdout + stderr).toMatch(new RegExp(`cannot \\w+( the store)? ${part}: permission denied \\(EACCES\\)`));
      }
    } finally {
      fs.chmodSync(part, 0o700);
    }
  });

  test('in a directory that others may not search is no bug', () => {
    fs.chmodSync(directory, 0o700);
    try {
      for (const verb of ['status', 'top', 'doctor', 'jobs', 'history x']) {
        const { status, stderr } = lockstep(BOB, ...verb.split(' '));
        expect([verb, status, stderr]).toEqual([
          verb,
          74,
          expect.stringMatching(/^lockstep: cannot open the store \S+: permission denied \(EACCES\)\. /),
        ]);
      }
    } finally {
      fs.chmodSync(directory, 0o755);
    }
  });
});
