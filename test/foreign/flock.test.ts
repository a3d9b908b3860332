import fs from 'node:fs';
import { Lock, RWLock, StoreError } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Program } from '../support/cli-rig.ts';
import { flockWaiters, untilFlockWaiters } from '../support/flock-line.ts';
import { GuestRig } from '../support/guest-rig.ts';

let rig: GuestRig;
let file: string;
beforeEach(() => {
  rig = new GuestRig();
  file = rig.path('f');
});
afterEach(() => rig.end());

const lockNamed = (name: string, path = file) => new Lock(name, { store: rig.store, alsoLock: { flock: path } });

/** A program with the real flock, which holds until `letGo()`. */
async function other(...options: string[]): Promise<Program> {
  const holder = waiting(...options);
  await holder.says('in');
  return holder;
}

function waiting(...options: string[]): Program {
  return rig.start('flock', [...options, file, 'sh', '-c', 'echo in; read -r _; exit 0']);
}

async function isFree(...options: string[]): Promise<boolean> {
  return (await rig.start('flock', ['-n', ...options, file, 'true']).ended).status === 0;
}

test('a lease keeps programs with flock out, until it is released', async () => {
  const lease = await lockNamed('n').acquire();
  expect(await isFree()).toBe(false);
  await lease.release();
  expect(await isFree()).toBe(true);
  const sync = lockNamed('n').acquireSync();
  expect(await isFree()).toBe(false);
  sync.releaseSync();
  expect(await isFree()).toBe(true);
});

test('a program with flock keeps every way to acquire out; nothing is left in line, and the error names the file', async () => {
  const holder = await other();
  const lock = lockNamed('n');
  expect([await lock.tryAcquire(), lock.tryAcquireSync()]).toEqual([null, null]);
  const refused = { code: 'LOCK_TIMEOUT', holders: [], foreignLock: `the flock of ${file}` };
  const message = `n: not acquired within 30 ms. Another program has the flock of ${file}. Wait longer.`;
  await expect(lock.acquire({ timeout: 30 })).rejects.toMatchObject({ ...refused, message });
  await expect(lock.acquire({ timeout: 0 })).rejects.toMatchObject(refused);
  expect(() => lock.acquireSync({ timeout: 30 })).toThrow(message);
  expect(await rig.entries('n')).toEqual([]);
  await holder.letGo();
  await (await lock.acquire({ timeout: 0 })).release();
});

test('a wait stands in the kernel’s own line: before a program that came later, behind one that came earlier', async () => {
  const holder = await other();
  const before = waiting();
  await untilFlockWaiters(file, 1);
  const ours = lockNamed('n').acquire();
  await untilFlockWaiters(file, 2);
  const after = waiting();
  await untilFlockWaiters(file, 3);
  await holder.letGo();
  await before.says('in');
  await before.letGo();
  const lease = await ours;
  expect(after.stdout).toBe('');
  await lease.release();
  await after.says('in');
  await after.letGo();
});

test('of ours only the first in line competes with programs with flock, and ours get in first come, first served', async () => {
  const holder = await other();
  const order: number[] = [];
  const turns: Promise<void>[] = [];
  for (const number of [1, 2, 3]) {
    turns.push(lockNamed('n').withLock(() => void order.push(number)));
    await rig.line('n', 1, number - 1);
  }
  await untilFlockWaiters(file, 1);
  await holder.letGo();
  await Promise.all(turns);
  expect(order).toEqual([1, 2, 3]);
});

test('the timeout is for both waits together', async () => {
  const holder = await other();
  const first = lockNamed('n').acquire();
  await rig.line('n', 1, 0);
  const began = performance.now();
  await expect(lockNamed('n').acquire({ timeout: 100 })).rejects.toMatchObject({ foreignLock: undefined });
  expect(performance.now() - began).toBeGreaterThanOrEqual(100);
  await holder.letGo();
  await (await first).release();
});

test('a wait that is given up leaves no waiting program, and the lock to others', async () => {
  const holder = await other();
  const controller = new AbortController();
  const wait = lockNamed('n').acquire({ signal: controller.signal });
  await untilFlockWaiters(file, 1);
  controller.abort(new Error('enough'));
  await expect(wait).rejects.toThrow('enough');
  expect([flockWaiters(file), await rig.entries('n')]).toEqual([0, []]);
  await holder.letGo();
  expect(await isFree()).toBe(true);
});

test('whose entry is evicted while it waits for a program with flock learns it, and waits no longer', async () => {
  const holder = await other();
  const wait = lockNamed('n').acquire();
  await untilFlockWaiters(file, 1);
  const [entry] = await rig.entries('n');
  await rig.store.evict('n', entry?.token ?? 0, { reason: 'broken', by: 'a test' });
  await expect(wait).rejects.toMatchObject({ code: 'EVICTED' });
  expect(flockWaiters(file)).toBe(0);
  await holder.letGo();
});

test('leases in shared mode share the lock with flock -s, and keep flock -x out', async () => {
  const lock = new RWLock('n', { store: rig.store, alsoLock: { flock: file } });
  const reader = await other('-s');
  const leases = [await lock.acquire({ mode: 'shared' }), await lock.acquire({ mode: 'shared' })];
  expect([await isFree('-s'), await isFree()]).toEqual([true, false]);
  await reader.letGo();
  await leases[0]?.release();
  expect(await isFree()).toBe(false);
  await leases[1]?.release();
  const writer = await lock.acquire();
  expect(await isFree('-s')).toBe(false);
  await writer.release();
  expect(await isFree()).toBe(true);
});

test('a file that is missing is made as flock makes it, and one that is there is not changed; a directory serves as well', async () => {
  await (await lockNamed('n').acquire()).release();
  const { mode, size } = fs.statSync(file);
  expect([mode & 0o777, size]).toEqual([0o666 & ~process.umask(), 0]);
  fs.writeFileSync(file, 'kept');
  await (await lockNamed('n').acquire()).release();
  expect(rig.read('f')).toBe('kept');
  fs.mkdirSync(rig.path('d'));
  const lease = await lockNamed('d', rig.path('d')).acquire();
  expect((await rig.start('flock', ['-n', rig.path('d'), 'true']).ended).status).toBe(1);
  await lease.release();
});

test('a file that its holder removes, or replaces, is left: the lease is of the file that has the name then', async () => {
  const holder = await other();
  const wait = lockNamed('n').acquire();
  await untilFlockWaiters(file, 1);
  fs.rmSync(file);
  await holder.letGo();
  const lease = await wait;
  expect(await isFree()).toBe(false);
  await lease.release();
  expect(await isFree()).toBe(true);
});

test('a file that cannot be opened is an error that names it, and nothing stays in line', async () => {
  const lock = lockNamed('n', rig.path('nowhere', 'f'));
  await expect(lock.acquire()).rejects.toMatchObject({ code: 'FOREIGN_LOCK', path: rig.path('nowhere', 'f') });
  await expect(lock.tryAcquire()).rejects.toThrow(/^the flock of .*, which other programs use, cannot be used: ENOENT/);
  expect(() => lock.acquireSync()).toThrow(StoreError);
  expect(() => lock.tryAcquireSync()).toThrow(StoreError);
  expect(await rig.entries('n')).toEqual([]);
});

describe('the process that has the lock', () => {
  const alsoLock = "const also = new Lock('n', { alsoLock: { flock: 'f' } });";

  test('is killed: the lock is free at once', async () => {
    const holder = rig.program(`${alsoLock} await also.acquire(); say('held'); await order();`);
    await holder.says('held');
    holder.kill('SIGKILL');
    await holder.ended;
    expect(await isFree()).toBe(true);
  });

  test('is killed while it waits: the program that waits for it ends, too', async () => {
    const holder = await other();
    const waiter = rig.program(`${alsoLock} await also.acquire();`);
    await untilFlockWaiters(file, 1);
    waiter.kill('SIGKILL');
    await waiter.ended;
    await untilFlockWaiters(file, 0);
    await holder.letGo();
    expect(await isFree()).toBe(true);
  });

  test('has a child: it does not keep the lock', async () => {
    const holder = rig.program(`${alsoLock} const lease = await also.acquire();
      const { spawn } = await import('node:child_process');
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      say('child ' + child.pid); await lease.release(); say('released'); await order(); child.kill();`);
    await holder.says('released');
    expect(await isFree()).toBe(true);
    holder.write('go\n');
    await holder.letGo();
  });

  test('has nothing else to do: the wait keeps it alive', async () => {
    const holder = await other();
    const waiter = rig.program(`${alsoLock} await also.withLock(() => say('in'));`);
    await untilFlockWaiters(file, 1);
    await holder.letGo();
    expect(await waiter.ended).toEqual({ status: 0, stdout: 'in\n', stderr: '' });
  });
});
