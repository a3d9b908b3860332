import { rmSync } from 'node:fs';
import { DeadlockError, LeaseLostError, LockTimeoutError, StoreError } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig, until } from '../support/process-rig.ts';

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

async function tickets(): Promise<number[]> {
  return (await rig.lock('deploy').inspect()).entries.map(({ ticket }) => ticket);
}

test('`await using` and `using` release at the end of the block', async () => {
  const lock = rig.lock('deploy');
  {
    await using lease = await lock.acquire();
    expect(await tickets()).toEqual([lease.token]);
  }
  expect(await tickets()).toEqual([]);
  {
    using lease = lock.acquireSync();
    expect(await tickets()).toEqual([lease.token]);
  }
  expect(await tickets()).toEqual([]);
});

test('withLock releases only after the promise has settled, and returns its value', async () => {
  const lock = rig.lock('deploy');
  const value = await lock.withLock(async (lease) => {
    await new Promise(setImmediate);
    expect(await tickets()).toEqual([lease.token]);
    return 'done';
  });
  expect(value).toBe('done');
  expect(await tickets()).toEqual([]);
});

test('withLock releases after a throw and after a rejection, and passes them on', async () => {
  const lock = rig.lock('deploy');
  const thrown = lock.withLock(() => {
    throw new Error('at once');
  });
  await expect(thrown).rejects.toThrow('at once');
  const rejected = lock.withLock(async () => {
    await new Promise(setImmediate);
    throw new Error('later');
  });
  await expect(rejected).rejects.toThrow('later');
  expect(await tickets()).toEqual([]);
});

test('releasing twice does nothing the second time', async () => {
  const lease = await rig.lock('deploy').acquire();
  await lease.release();
  await using next = await rig.lock('deploy').acquire();
  await lease.release();
  expect(await tickets()).toEqual([next.token]);
});

test('tokens grow from holder to holder', async () => {
  const tokens: number[] = [];
  for (let round = 0; round < 20; round++) {
    await using lease = await rig.lock('deploy').acquire();
    tokens.push(lease.token);
  }
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
});

test('two acquires in one process are two entries, and the second waits', async () => {
  const lock = rig.lock('deploy');
  const first = await lock.acquire();
  let granted = false;
  const second = lock.acquire().then((lease) => {
    granted = true;
    return lease;
  });
  await rig.inLine('deploy', 2);
  expect(granted).toBe(false);
  expect(await lock.tryAcquire()).toBeNull();
  await first.release();
  await (await second).release();
});

test('an evicted holder is notified by its signal and by release, and its successor is not touched', async () => {
  const lease = await rig.lock('deploy').acquire();
  const { signal } = lease;
  const told = new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
  const successor = await rig.start();
  const granted = successor.acquire(resource);
  await rig.inLine('deploy', 2);
  expect(await rig.store.evict('deploy', lease.token, { reason: 'broken by force', by: 'the test' })).toBe(true);
  const reason = await told;
  expect(reason).toBeInstanceOf(LeaseLostError);
  expect(reason).toMatchObject({ code: 'LEASE_LOST', resource: 'deploy', token: lease.token });
  expect(String(reason)).toContain('broken by force (by the test)');
  expect(lease.held).toBe(false);
  const token = await granted;
  await expect(lease.release()).rejects.toThrow(LeaseLostError);
  await expect(lease.assertHeld()).rejects.toThrow(LeaseLostError);
  expect(() => lease.releaseSync()).toThrow(LeaseLostError);
  expect(await tickets()).toEqual([token]);
});

test('a holder evicted by another process is notified', async () => {
  const holder = await rig.start();
  const token = await holder.acquire(resource);
  await holder.ask({ do: 'watch', as: 'lease' });
  await rig.store.evict('deploy', token, { reason: 'broken by force', by: 'the test' });
  expect(await holder.report('lost')).toMatchObject({
    as: 'lease',
    reason: expect.stringContaining('broken by force'),
  });
  expect(await holder.ask({ do: 'release', as: 'lease' })).toMatchObject({ is: 'failed', code: 'LEASE_LOST' });
});

test('withLock rejects with LeaseLostError after a loss, unless the work itself threw', async () => {
  const lock = rig.lock('deploy');
  const quiet = lock.withLock((lease) => rig.store.evict('deploy', lease.token, { reason: 'r', by: 'b' }));
  await expect(quiet).rejects.toThrow(LeaseLostError);
  const loud = lock.withLock(async (lease) => {
    await rig.store.evict('deploy', lease.token, { reason: 'r', by: 'b' });
    throw new Error('its own');
  });
  await expect(loud).rejects.toThrow('its own');
});

test('a waiter that is evicted gets an error', async () => {
  const lock = rig.lock('deploy');
  await using held = await lock.acquire();
  const waiting = lock.acquire();
  waiting.catch(() => undefined);
  await rig.inLine('deploy', 2);
  const waiter = (await tickets()).find((ticket) => ticket !== held.token) ?? 0;
  await rig.store.evict('deploy', waiter, { reason: 'sent away', by: 'the test' });
  await expect(waiting).rejects.toMatchObject({ code: 'EVICTED', message: expect.stringContaining('sent away') });
});

test('a wait that times out names the holder, and leaves nothing in line', async () => {
  const holder = await rig.start();
  const token = await holder.acquire(resource);
  const refused = rig.lock('deploy').acquire({ timeout: 30 });
  await expect(refused).rejects.toThrow(LockTimeoutError);
  await expect(refused).rejects.toMatchObject({
    code: 'LOCK_TIMEOUT',
    operation: 'acquire',
    resource: 'deploy',
    holders: [{ pid: holder.pid, token }],
  });
  await expect(refused).rejects.toThrow(`pid ${holder.pid} on `);
  expect(await tickets()).toEqual([token]);
});

test('a timeout of 0 does not wait', async () => {
  const holder = await rig.start();
  const token = await holder.acquire(resource);
  await expect(rig.lock('deploy').acquire({ timeout: 0 })).rejects.toThrow(LockTimeoutError);
  expect(() => rig.lock('deploy').acquireSync({ timeout: 0 })).toThrow(LockTimeoutError);
  expect(await tickets()).toEqual([token]);
  await holder.release();
  await using held = await rig.lock('deploy').acquire({ timeout: 0 });
  expect(held.held).toBe(true);
});

test('a synchronous wait for what this process itself holds is an error at once, and leaves nothing in line', async () => {
  await using held = await rig.lock('deploy').acquire();
  expect(() => rig.lock('deploy').acquireSync()).toThrow(DeadlockError);
  expect(await tickets()).toEqual([held.token]);
});

test('an aborted wait rejects with the reason, and leaves nothing in line', async () => {
  await using held = await rig.lock('deploy').acquire();
  const abort = new AbortController();
  const waiting = rig.lock('deploy').acquire({ signal: abort.signal });
  await rig.inLine('deploy', 2);
  const reason = new Error('enough');
  abort.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(await tickets()).toEqual([held.token]);
});

test('a signal that is aborted already rejects with its reason and never enters the line', async () => {
  const lock = rig.lock('deploy');
  await (await lock.acquire()).release();
  const before = rig.records('deploy').length;
  const reason = new Error('too late');
  const signal = AbortSignal.abort(reason);
  await expect(lock.acquire({ signal })).rejects.toBe(reason);
  await expect(lock.tryAcquire({ signal })).rejects.toBe(reason);
  expect(() => lock.acquireSync({ signal })).toThrow(reason);
  expect(() => lock.tryAcquireSync({ signal })).toThrow(reason);
  expect(rig.records('deploy')).toHaveLength(before);
});

test('another process that aborts its wait lets those behind it move up', async () => {
  const [holder, middle, last] = await rig.startMany(3);
  await holder?.acquire(resource);
  const waiting = middle?.ask({ do: 'acquire', resource, as: 'lease' });
  await rig.inLine('deploy', 2);
  const granted = last?.acquire(resource);
  await rig.inLine('deploy', 3);
  await middle?.ask({ do: 'abort', as: 'lease' });
  expect(await waiting).toMatchObject({ is: 'failed', message: 'commanded' });
  await rig.inLine('deploy', 2);
  await holder?.release();
  await granted;
});

test('a lease that another process adopted is held until both are gone', async () => {
  const [parent, child, successor] = await rig.startMany(3);
  if (!parent || !child || !successor) throw new Error('no agents');
  await parent.acquire(resource);
  expect(await parent.ask({ do: 'adopt', as: 'lease', pid: child.pid })).toEqual({ is: 'held' });
  const granted = successor.acquire(resource);
  await rig.inLine('deploy', 2);
  await parent.kill('SIGKILL');
  const { entries } = await rig.lock('deploy').inspect();
  expect(entries[0]).toMatchObject({
    state: 'holding',
    stale: false,
    owners: [{ pid: parent.pid }, { pid: child.pid }],
  });
  expect(await rig.lock('deploy').tryAcquire()).toBeNull();
  await child.kill('SIGKILL');
  await granted;
});

test('a lease that was handed over ends with the process it was handed to', async () => {
  const [heir, successor] = await rig.startMany(2);
  if (!heir || !successor) throw new Error('no agents');
  const lease = await rig.lock('deploy').acquire();
  expect(await lease.handOver(heir.pid)).toBe(true);
  expect(lease.held).toBe(false);
  await lease.release();
  expect(await tickets()).toEqual([lease.token]);
  expect(await rig.lock('deploy').tryAcquire()).toBeNull();
  // We live on, but it is no longer ours.
  await heir.kill('SIGKILL');
  await successor.acquire(resource);
});

test('a process that is gone cannot be made an owner', async () => {
  const gone = await rig.start();
  await gone.kill('SIGKILL');
  await using lease = await rig.lock('deploy').acquire();
  expect(await lease.adopt(gone.pid)).toBe(false);
  expect(await lease.handOver(gone.pid)).toBe(false);
  expect(lease.held).toBe(true);
});

test('a process too many to own an entry is not said to be adopted', async () => {
  const heir = await rig.start();
  await using lease = await rig.lock('deploy').acquire();
  for (let owners = 2; owners <= 16; owners++) expect(await lease.adopt(heir.pid)).toBe(true);
  await expect(lease.adopt(heir.pid)).rejects.toMatchObject({ code: 'STORE_BUSY', resource: 'deploy' });
  expect(lease.held).toBe(true);
});

test('a holder whose store was deleted learns that its lease is lost', async () => {
  const lease = await rig.lock('deploy').acquire();
  rmSync(rig.directory, { recursive: true, maxRetries: 5 });
  await until('the loss is noticed', () =>
    lease.assertHeld().then(
      () => false,
      () => true,
    ),
  );
  await expect(lease.release()).rejects.toThrow(LeaseLostError);
});

test('a store that was deleted in use can be used again', async () => {
  const lock = rig.lock('deploy');
  const lease = await lock.acquire();
  rmSync(rig.directory, { recursive: true, maxRetries: 5 });
  await until('the loss is noticed', () =>
    lease.assertHeld().then(
      () => false,
      () => true,
    ),
  );
  const next = await lock.acquire();
  expect(next.token).toBeGreaterThan(lease.token);
  await next.release();
});

test('a waiter whose store was deleted does not wait for ever', async () => {
  const holder = await rig.start();
  await holder.acquire(resource);
  const waiting = rig.lock('deploy').acquire();
  waiting.catch(() => undefined);
  await rig.inLine('deploy', 2);
  rmSync(rig.directory, { recursive: true, maxRetries: 5 });
  await expect(waiting).rejects.toThrow(StoreError);
});
