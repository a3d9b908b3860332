import { LockTimeoutError, MisuseError } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../support/process-rig.ts';

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('a synchronous acquire waits for a holder in another process', async () => {
  const [holder, successor] = await rig.startMany(2);
  if (!holder || !successor) throw new Error('no agents');
  const token = await holder.acquire(resource);
  const granted = successor.ask({ do: 'acquireSync', resource, as: 'lease' });
  await rig.inLine('deploy', 2);
  await holder.release();
  const answer = await granted;
  expect(answer.is === 'granted' && answer.token > token).toBe(true);
  expect(await successor.ask({ do: 'releaseSync', as: 'lease' })).toEqual({ is: 'released' });
  expect((await rig.lock('deploy').inspect()).entries).toEqual([]);
});

test('a synchronous acquire gets in after its holder was killed', async () => {
  const [holder, successor] = await rig.startMany(2);
  if (!holder || !successor) throw new Error('no agents');
  await holder.acquire(resource);
  const granted = successor.ask({ do: 'acquireSync', resource, as: 'lease' });
  await rig.inLine('deploy', 2);
  await holder.kill('SIGKILL');
  expect(await granted).toMatchObject({ is: 'granted' });
});

test('a synchronous try is refused at once, and leaves nothing in line', async () => {
  const holder = await rig.start();
  await holder.acquire(resource);
  expect(rig.lock('deploy').tryAcquireSync()).toBeNull();
  expect((await rig.lock('deploy').inspect()).entries).toHaveLength(1);
});

test('a synchronous wait that times out names the holder, and leaves nothing in line', async () => {
  const holder = await rig.start();
  await holder.acquire(resource);
  const lock = rig.lock('deploy');
  expect(() => lock.acquireSync({ timeout: 30 })).toThrow(LockTimeoutError);
  expect(() => lock.acquireSync({ timeout: 30 })).toThrow(`pid ${holder.pid} on `);
  expect((await lock.inspect()).entries).toHaveLength(1);
});

test('a process that waits synchronously dies of SIGINT at once', async () => {
  const [holder, waiter] = await rig.startMany(2);
  if (!holder || !waiter) throw new Error('no agents');
  await holder.acquire(resource);
  void waiter.ask({ do: 'acquireSync', resource, as: 'lease' });
  await rig.inLine('deploy', 2);
  waiter.leavesTraces = true;
  expect(await waiter.kill('SIGINT')).toEqual({ code: null, signal: 'SIGINT' });
  // What it left in line is no obstacle.
  const last = await rig.start();
  const granted = last.acquire(resource);
  await rig.inLine('deploy', 2);
  await holder.release();
  await granted;
});

test('so does one that had used the asynchronous methods before', async () => {
  const [holder, waiter] = await rig.startMany(2);
  if (!holder || !waiter) throw new Error('no agents');
  await waiter.acquire({ name: 'other' }, 'other');
  await waiter.release('other');
  await holder.acquire(resource);
  void waiter.ask({ do: 'acquireSync', resource, as: 'lease' });
  await rig.inLine('deploy', 2);
  waiter.leavesTraces = true;
  expect(await waiter.kill('SIGINT')).toEqual({ code: null, signal: 'SIGINT' });
});

test('after a synchronous wait signals give the lock back again', async () => {
  const [holder, waiter] = await rig.startMany(2);
  if (!holder || !waiter) throw new Error('no agents');
  await waiter.acquire({ name: 'other' }, 'other');
  await holder.acquire(resource);
  const granted = waiter.ask({ do: 'acquireSync', resource, as: 'lease' });
  await rig.inLine('deploy', 2);
  await holder.release();
  const answer = await granted;
  if (answer.is !== 'granted') throw new Error(JSON.stringify(answer));
  expect(await waiter.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
  expect(rig.ending('deploy', answer.token)).toBe('leave');
});

test('a signal that could never end a blocking wait is refused at once, with what to give instead', async () => {
  const signal = AbortSignal.timeout(60_000);
  for (const target of [rig.lock('deploy'), rig.semaphore('room', 2)]) {
    expect(() => target.acquireSync({ signal })).toThrow(MisuseError);
    expect(() => target.acquireSync({ signal })).toThrow('give a timeout instead');
    expect((await target.inspect()).entries).toEqual([]);
    // It does not wait, so it need not be ended.
    target.tryAcquireSync({ signal })?.releaseSync();
  }
});
