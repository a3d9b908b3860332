import fs from 'node:fs';
import { Condition, JsonFile, Lock, MisuseError, RLock, RWLock, Semaphore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pack, unpack } from '../../lib/process/argument-codec.ts';
import { Rig } from '../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

describe('alsoLock', () => {
  test.each<[unknown, RegExp]>([
    ['proper-lockfile', /^alsoLock: 'proper-lockfile' is for a JsonFile.*write \{ 'proper-lockfile': file \} or/],
    ['flock', /^alsoLock takes an object, not 'flock': write/],
    [null, /^alsoLock takes an object, not null/],
    [{}, /^alsoLock takes one lock of other programs/],
    [{ flock: 'f', 'proper-lockfile': 'f' }, /^alsoLock takes one lock of other programs/],
    [{ flok: 'f' }, /^alsoLock takes one lock of other programs/],
    [{ flock: '' }, /^alsoLock\.flock must be a path/],
    [{ flock: 'f', stale: 5_000 }, /has no option 'stale'/],
    [{ 'proper-lockfile': 7 }, /^alsoLock\.proper-lockfile must be a path/],
    [{ 'proper-lockfile': 'f', stale: 1_999 }, /^alsoLock\.stale must be at least 2000 ms/],
    [{ 'proper-lockfile': 'f', realpath: 'no' }, /^alsoLock\.realpath must be true or false/],
    [{ 'proper-lockfile': 'f', retries: 5 }, /has no option 'retries'/],
  ])('%j is refused, and the words say what to write', (alsoLock, words) => {
    expect(() => new Lock('n', { alsoLock: alsoLock as never })).toThrow(words);
    expect(() => new Lock('n', { alsoLock: alsoLock as never })).toThrow(MisuseError);
  });

  test('is for what one holder has: other classes refuse it', () => {
    const options = { store: rig.storePath, alsoLock: { flock: 'f' } } as never;
    expect(() => new Semaphore('n', 2, options)).toThrow(/has no option 'alsoLock'/);
    expect(() => new Condition('n', options)).toThrow(/has no option 'alsoLock'/);
    const lock = new Lock('n', { alsoLock: { flock: 'f' } });
    expect(() => new Condition('c', { lock })).toThrow(/a wait\(\) gives the lock back for a while/);
    expect(() => new RWLock('n', { alsoLock: { 'proper-lockfile': 'f' } })).toThrow(
      /^n: the proper-lockfile lock of .*\/f cannot be shared, and an RWLock can: use a Lock$/,
    );
  });

  test('of a JsonFile is refused where no other program could exclude by it', async () => {
    const file = rig.write('c.json', '{}');
    fs.symlinkSync(file, rig.path('link'));
    for (const flock of [file, rig.path('link')]) {
      const json = new JsonFile(file, { alsoLock: { flock } });
      await expect(json.update(() => undefined)).rejects.toThrow(
        /an update replaces the file.*\{ flock: '.*c\.json\.flock' \}/,
      );
    }
    expect(() => new JsonFile(file, { alsoLock: 'flock' as never })).toThrow(/^alsoLock takes an object, not 'flock'/);
    expect(() => new JsonFile('etcd://localhost/x/c.json', { alsoLock: 'proper-lockfile' })).toThrow(
      /alsoLock is for files on disk/,
    );
  });

  test('names its files relative to the directory in which the object is made', async () => {
    const before = process.cwd();
    process.chdir(rig.directory);
    const lock = new Lock('n', { store: rig.storePath, alsoLock: { flock: 'f' } });
    process.chdir(before);
    await (await lock.acquire()).release();
    expect(rig.exists('f')).toBe(true);
  });

  test('goes along to another process', async () => {
    const file = rig.write('c.json', '{"n":1}');
    const { store } = rig;
    const sent = [
      new Lock('a', { store, alsoLock: { flock: rig.path('f') } }),
      new RLock('b', { store, alsoLock: { 'proper-lockfile': file, stale: 5_000 } }),
      new RWLock('c', { store, alsoLock: { flock: rig.path('g') } }),
    ];
    const [lock, rlock, rwlock, json] = unpack(
      pack([...sent, new JsonFile(file, { store, alsoLock: 'proper-lockfile' })], 'args'),
    ) as [Lock, RLock, RWLock, JsonFile];
    const leases = await Promise.all([lock, rlock, rwlock].map((one) => one.acquire()));
    expect(fs.readdirSync(rig.directory).sort()).toEqual(['c.json', 'c.json.lock', 'f', 'g', 'store']);
    await expect(json.update(() => undefined, { timeout: 0 })).rejects.toMatchObject({
      foreignLock: `the proper-lockfile lock of ${file}`,
    });
    for (const lease of leases) await lease.release();
    await json.update((value) => Object.assign(value as object, { n: 2 }));
    expect(rig.read('c.json')).toBe('{"n":2}');
  });
});

test('a lease with a lock of other programs cannot be given to another process: that stays with this one', async () => {
  const lease = await new Lock('n', { store: rig.store, alsoLock: { flock: rig.path('f') } }).acquire();
  await expect(lease.adopt(process.pid)).rejects.toThrow(/^n: adopt would give the lock to another process/);
  await expect(lease.handOver(process.pid)).rejects.toThrow(MisuseError);
  expect(lease.held).toBe(true);
  await lease.release();
});

test('an RLock that is held twice keeps the lock of other programs until its last release', async () => {
  const lock = new RLock('n', { store: rig.store, alsoLock: { flock: rig.path('f') } });
  const isFree = async () => (await rig.start('flock', ['-n', rig.path('f'), 'true']).ended).status === 0;
  await lock.withLock(async () => {
    await lock.withLock(async () => expect(await isFree()).toBe(false));
    expect(await isFree()).toBe(false);
  });
  expect(await isFree()).toBe(true);
});
