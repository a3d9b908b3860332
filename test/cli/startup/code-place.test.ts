import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COLD, CodeRig, PLAIN, RUN, WARM } from '../../support/code-rig.ts';

const ALICE = 61_001;
const AS_ALICE = ['setpriv', `--reuid=${ALICE}`, `--regid=${ALICE}`, '--clear-groups'];
const isRoot = process.getuid?.() === 0;
const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
const MINUTE_MS = 60_000;

let rig: CodeRig;

beforeEach(() => {
  rig = new CodeRig();
});

afterEach(() => rig.end());

const everythingIn = (directory: string) => fs.readdirSync(directory, { recursive: true }).sort();

describe('code is neither kept nor used', () => {
  const setUp = async () => {
    await rig.call(RUN);
    return everythingIn(rig.home);
  };

  test.each<[string, () => void]>([
    ['in a directory that its group may write', () => fs.chmodSync(rig.cache, 0o770)],
    ['below one that all may write', () => fs.chmodSync(path.dirname(rig.cache), 0o777)],
    ['in a home that its group may write', () => fs.chmodSync(rig.home, 0o775)],
  ])('%s', async (_, open) => {
    const before = await setUp();
    open();
    expect(await rig.call(RUN)).toEqual(PLAIN);
    expect((await rig.call(['status'])).compiled).toEqual({});
    expect(everythingIn(rig.home)).toEqual(before);
  });

  test('in a directory behind a link', async () => {
    await setUp();
    const elsewhere = rig.path('elsewhere');
    fs.renameSync(rig.cache, elsewhere);
    fs.symlinkSync(elsewhere, rig.cache);
    expect(await rig.call(RUN)).toEqual(PLAIN);
    expect((await rig.call(['status'])).compiled).toEqual({});
    expect(fs.readdirSync(elsewhere)).toHaveLength(1);
  });

  test.runIf(isRoot)('by root in the home of another user, which sudo has kept', async () => {
    fs.chownSync(rig.home, ALICE, ALICE);
    fs.chownSync(path.dirname(rig.cache), ALICE, ALICE);
    expect(await rig.call(RUN)).toEqual(PLAIN);
    expect(everythingIn(rig.home)).toEqual(['.cache']);
  });

  test('without a home, and without a directory for such files in it', async () => {
    expect(await rig.call(RUN, { env: { HOME: undefined } })).toEqual(PLAIN);
    expect(await rig.call(RUN, { env: { HOME: rig.path('nowhere') } })).toEqual(PLAIN);
    fs.rmdirSync(path.dirname(rig.cache));
    expect(await rig.call(RUN)).toEqual(PLAIN);
    expect(everythingIn(rig.home)).toEqual([]);
  });
});

test.runIf(isRoot)('every user has code of their own', async () => {
  const store = rig.path('alices-store');
  fs.chmodSync(rig.directory, 0o777 | 0o1000);
  for (const directory of [rig.home, path.dirname(rig.cache)]) fs.chownSync(directory, ALICE, ALICE);
  const call = { through: AS_ALICE, env: { LOCKSTEP_DIR: store } };
  expect(await rig.call(RUN, call)).toEqual(COLD);
  expect(await rig.call(RUN, call)).toEqual(WARM);
  expect(fs.statSync(rig.keptFile)).toMatchObject({ uid: ALICE, mode: 0o100600 });
  expect(fs.statSync(rig.cache)).toMatchObject({ uid: ALICE, mode: 0o40700 });
});

describe('a call that cannot keep its code ends as ever, and leaves no part of it', () => {
  test('under a limit for the size of files', async () => {
    const through = ['sh', '-c', 'ulimit -f 100 && exec "$@"', 'sh'];
    expect(await rig.call(RUN, { through })).toEqual(COLD);
    expect(rig.kept).toEqual([]);
  });

  test.runIf(mayMount)('on a full disk', async () => {
    fs.mkdirSync(rig.cache, { mode: 0o700 });
    const script = `mount -t tmpfs -o size=200k,mode=700 none '${rig.cache}' && "$@" && ls -A '${rig.cache}'`;
    expect(await rig.call(RUN, { through: ['unshare', '--mount', 'sh', '-c', script, 'sh'] })).toEqual(COLD);
  });

  test.runIf(mayMount)('on a file system that is read-only', async () => {
    const parent = path.dirname(rig.cache);
    const script = `mount -t tmpfs -o ro,mode=700 none '${parent}' && "$@" && ls -A '${parent}'`;
    expect(await rig.call(RUN, { through: ['unshare', '--mount', 'sh', '-c', script, 'sh'] })).toEqual(COLD);
  });

  test('where a directory has the place of the file', async () => {
    await rig.call(RUN);
    const file = rig.keptFile;
    fs.rmSync(file);
    fs.mkdirSync(path.join(file, 'full'), { recursive: true });
    expect(await rig.call(RUN)).toEqual(COLD);
    expect(rig.kept).toEqual([path.basename(file)]);
  });
});

test('a call that is killed while it keeps its code leaves what is not used, and the next one keeps its own', async () => {
  const killed = rig.write('killed.cjs', "require('node:fs').fsyncSync = () => process.kill(process.pid, 'SIGKILL');");
  const env = { DOOM: killed };
  const { status } = await rig.call(RUN, { through: ['env', `NODE_OPTIONS=--require="${killed}"`], env });
  expect(status).toBe('SIGKILL');
  expect(rig.kept).toEqual([expect.stringMatching(/\.tmp$/)]);
  expect(await rig.call(RUN)).toEqual(COLD);
  expect(await rig.call(RUN)).toEqual(WARM);
});

test('twenty first calls at once keep one file, and all end as ever', async () => {
  const calls = Array.from({ length: 20 }, (_, i) => rig.call(['run', `x${i}`, '--', 'echo', 'done']));
  for (const result of await Promise.all(calls))
    expect(result).toMatchObject({ status: 0, stdout: 'done\n', stderr: '' });
  expect(rig.kept).toEqual([expect.stringMatching(/^run-[0-9a-f]{8}\.code$/)]);
  expect(await rig.call(RUN)).toEqual(WARM);
});

test('what older versions and killed calls have left is removed, and nothing else', async () => {
  fs.mkdirSync(rig.cache, { mode: 0o700 });
  const make = (name: string, minutes: number) => {
    const [file, time] = [path.join(rig.cache, name), (Date.now() - minutes * MINUTE_MS) / 1_000];
    fs.writeFileSync(file, '');
    fs.utimesSync(file, time, time);
  };
  const numbered = (i: number) => `run-000000${i}.code`;
  for (let i = 10; i < 40; i++) make(numbered(i), i);
  make('run-00000000.code.1.1.tmp', 60);
  make('run-00000000.code.2.2.tmp', 1);
  make('notes.txt', 100_000);
  make('run-00000000.code.txt', 100_000);
  await rig.call(RUN);
  const others = ['notes.txt', 'run-00000000.code.2.2.tmp', 'run-00000000.code.txt'];
  const newest = Array.from({ length: 19 }, (_, i) => numbered(10 + i));
  expect(rig.kept.filter((name) => [...others, ...newest].includes(name))).toEqual([...others, ...newest].sort());
  expect(rig.kept).toHaveLength(others.length + 20);
});
