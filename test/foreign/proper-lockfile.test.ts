import fs from 'node:fs';
import { type AlsoProperLockfile, Lock } from 'lockstep';
import lockfile from 'proper-lockfile';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/cli-rig.ts';
import { GuestRig } from '../support/guest-rig.ts';

/** The least that proper-lockfile takes. */
const LEAST_STALE_MS = 2_000;

let rig: GuestRig;
let file: string;
let directory: string;
beforeEach(() => {
  rig = new GuestRig();
  file = rig.write('c.json', '{}');
  directory = `${file}.lock`;
});
afterEach(() => rig.end());

function lockNamed(name: string, options: Partial<AlsoProperLockfile> = {}): Lock {
  return new Lock(name, { store: rig.store, alsoLock: { 'proper-lockfile': file, ...options } });
}

/** As if nobody had refreshed the lock directory for so long. */
function age(ms: number): void {
  const at = (Date.now() - ms) / 1_000;
  fs.utimesSync(directory, at, at);
}

const inode = () => fs.statSync(directory).ino;
const theirs = `const lockfile = require('proper-lockfile');`;
const ours = `const also = new Lock('n', { alsoLock: { 'proper-lockfile': 'c.json' } });`;

test('a lease keeps programs with proper-lockfile out, until it is released', async () => {
  for (const acquire of [() => lockNamed('n').acquire(), async () => lockNamed('n').acquireSync()]) {
    const lease = await acquire();
    await expect(lockfile.lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
    expect(await lockfile.check(file)).toBe(true);
    const next = lockfile.lock(file, { retries: { retries: 1_000, minTimeout: 5, maxTimeout: 20 } });
    await lease.release();
    await (await next)();
    expect(fs.existsSync(directory)).toBe(false);
  }
});

test('a program with proper-lockfile keeps every way to acquire out; nothing is left in line, and the error names the file', async () => {
  const release = await lockfile.lock(file);
  const lock = lockNamed('n');
  expect([await lock.tryAcquire(), lock.tryAcquireSync()]).toEqual([null, null]);
  const foreignLock = `the proper-lockfile lock of ${file}`;
  const message = `n: not acquired within 30 ms. Another program has ${foreignLock}. Wait longer.`;
  await expect(lock.acquire({ timeout: 30 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT', foreignLock, message });
  expect(() => lock.acquireSync({ timeout: 30 })).toThrow(message);
  const abort = lock.acquire({ signal: AbortSignal.timeout(30) });
  await expect(abort).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(await rig.entries('n')).toEqual([]);
  const wait = lock.acquire();
  await rig.line('n', 1, 0);
  await release();
  await (await wait).release();
});

test('it is the same lock through a symbolic link, and with the options of the package', async () => {
  fs.symlinkSync(file, rig.path('link'));
  const lease = await new Lock('n', {
    store: rig.store,
    alsoLock: { 'proper-lockfile': rig.path('link') },
  }).acquire();
  await expect(lockfile.lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
  await lease.release();
  const missing = rig.path('missing');
  const plain = await lockNamed('n', { 'proper-lockfile': missing, realpath: false }).acquire();
  await expect(lockfile.lock(missing, { realpath: false })).rejects.toMatchObject({ code: 'ELOCKED' });
  await plain.release();
  const lockfilePath = rig.path('elsewhere');
  const placed = await lockNamed('n', { lockfilePath }).acquire();
  await expect(lockfile.lock(file, { lockfilePath })).rejects.toMatchObject({ code: 'ELOCKED' });
  await placed.release();
});

describe('a program with proper-lockfile', () => {
  test('is killed: its lock is taken over once it is stale, and not before', async () => {
    const holder = rig.program(`${theirs} await lockfile.lock('c.json'); say('held'); await order();`);
    await holder.says('held');
    holder.kill('SIGKILL');
    await holder.ended;
    const lock = lockNamed('n', { stale: 60_000 });
    age(50_000);
    expect([await lock.tryAcquire(), lock.tryAcquireSync()]).toEqual([null, null]);
    age(61_000);
    const lease = await lock.acquire({ timeout: 5_000 });
    expect(await lockfile.check(file)).toBe(true);
    await lease.release();
  });

  test('is killed: by default its lock is stale as for the package itself', async () => {
    fs.mkdirSync(directory);
    age(9_000);
    expect([await lockNamed('n').tryAcquire(), await lockfile.check(file)]).toEqual([null, true]);
    age(11_000);
    expect(await lockfile.check(file)).toBe(false);
    const lease = lockNamed('n').tryAcquireSync();
    expect(lease?.held).toBe(true);
    lease?.releaseSync();
  });

  test('takes the lock over from a process that was stopped: this one learns it, and touches nothing of its successor', async () => {
    const holder = rig.program(`${ours}
      const lease = await also.acquire(); lease.signal.addEventListener('abort', () => say('lost: ' + lease.signal.reason.code));
      say('held'); await order();
      await lease.release().catch((error) => say(error.message)); say('over');`);
    await holder.says('held');
    holder.kill('SIGSTOP');
    await until('it is stopped', () => /\) T /.test(fs.readFileSync(`/proc/${holder.pid}/stat`, 'utf8')));
    age(LEAST_STALE_MS + 1_000);
    const release = await lockfile.lock(file, { stale: LEAST_STALE_MS });
    holder.kill('SIGCONT');
    await holder.says('lost: LEASE_LOST');
    holder.write('go\n');
    await holder.says('over');
    expect(holder.stdout).toMatch(
      /n: the lease with token \d+ is lost: another program has removed .*c\.json\.lock, or taken it over/,
    );
    expect(await lockfile.check(file)).toBe(true);
    await release();
    await holder.letGo();
  });

  test('takes the lock over: assertHeld reports it at once, and the entry leaves the line with the release', async () => {
    const lease = await lockNamed('n').acquire();
    await lease.assertHeld();
    fs.rmdirSync(directory);
    expect(lease.held).toBe(true);
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect([lease.held, lease.signal.aborted]).toEqual([false, true]);
    expect(await rig.entries('n')).toHaveLength(1);
    await expect(lease.release()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await rig.entries('n')).toEqual([]);
  });

  test('took the lock over before the release: its lock is not removed', async () => {
    const lease = lockNamed('n').acquireSync();
    age(11_000);
    const release = await lockfile.lock(file);
    const theirOwn = inode();
    expect(() => lease.releaseSync()).toThrow(/is lost/);
    expect(inode()).toBe(theirOwn);
    await release();
  });
});

describe('the process that has the lock', () => {
  test.each([
    ['process.exit', 'process.exit(3)', 3],
    ['an uncaught error', "throw new Error('a bug')", 1],
    ['SIGTERM', "process.kill(process.pid, 'SIGTERM'); await order()", 'SIGTERM'],
    ['nothing left to do', '', 0],
  ] as const)('ends by %s: its lock is removed', async (_, end, status) => {
    const holder = rig.program(`${ours} await also.acquire(); say(String(fs.existsSync('c.json.lock'))); ${end}`);
    expect(await holder.ended).toMatchObject({ status, stdout: 'true\n' });
    expect(fs.existsSync(directory)).toBe(false);
  });

  test('is killed: its lock is stale some time later, for programs with proper-lockfile and for ours', async () => {
    const holder = rig.program(`${ours} await also.acquire(); say('held'); await order();`);
    await holder.says('held');
    holder.kill('SIGKILL');
    await holder.ended;
    await expect(lockfile.lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
    expect(await lockNamed('n').tryAcquire()).toBe(null);
    age(11_000);
    expect(await lockfile.check(file)).toBe(false);
    await (await lockNamed('n').acquire()).release();
  });
});

test('where the lock cannot be made, that is an error that names it, and nothing stays in line', async () => {
  const missing = lockNamed('n', { 'proper-lockfile': rig.path('missing') });
  await expect(missing.acquire()).rejects.toMatchObject({ code: 'FOREIGN_LOCK', path: rig.path('missing') });
  await expect(missing.acquire()).rejects.toThrow(/there is no such file. Make it, or say \{ realpath: false \}/);
  fs.writeFileSync(directory, 'no directory');
  age(11_000);
  await expect(lockNamed('n').tryAcquire()).rejects.toThrow(/ENOTDIR.*c\.json\.lock/);
  expect([await rig.entries('n'), rig.read('c.json.lock')]).toEqual([[], 'no directory']);
});

test('a lock that cannot be removed is still held, and the release can be called again', async () => {
  const lease = await lockNamed('n').acquire();
  const intruder = `${directory}/intruder`;
  fs.writeFileSync(intruder, '');
  await expect(lease.release()).rejects.toMatchObject({ code: 'FOREIGN_LOCK' });
  expect([lease.held, await rig.entries('n')]).toEqual([true, [expect.anything()]]);
  fs.rmSync(intruder);
  await lease.release();
  expect([fs.existsSync(directory), await rig.entries('n')]).toEqual([false, []]);
});

test('at the end of a block it is reported, the line goes on, and nothing refreshes the lock any more', async () => {
  const work = lockNamed('n').withLock(() => fs.writeFileSync(`${directory}/intruder`, ''));
  await expect(work).rejects.toMatchObject({ code: 'FOREIGN_LOCK' });
  expect(await rig.entries('n')).toEqual([]);
});
