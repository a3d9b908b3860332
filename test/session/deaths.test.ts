import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig, until } from '../support/process-rig.ts';

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('a waiting successor gets in after its holder was killed', async () => {
  const [holder, successor] = await rig.startMany(2);
  if (!holder || !successor) throw new Error('no agents');
  const token = await holder.acquire(resource);
  const granted = successor.acquire(resource);
  await rig.inLine('deploy', 2);
  const from = performance.now();
  const ended = holder.kill('SIGKILL');
  expect(await granted).toBeGreaterThan(token);
  const took_ms = performance.now() - from;
  await ended;
  console.log(`a killed holder cost its waiting successor ${took_ms.toFixed(1)} ms`);
  // A hang guard; the bound that is promised (100 ms) is measured in bench/.
  expect(took_ms).toBeLessThan(1_000);
  expect(rig.ending('deploy', token)).toBe('evict');
  // They stay as the proof of its death: it may have other entries.
  expect(rig.sessionFiles(holder.pid).some((name) => name.endsWith('.life'))).toBe(true);
});

test('whoever comes after a holder was killed gets in, by every way of asking', async () => {
  for (const order of ['acquire', 'tryAcquire', 'acquireSync', 'tryAcquireSync'] as const) {
    const holder = await rig.start();
    await holder.acquire(resource);
    await holder.kill('SIGKILL');
    const next = await rig.start();
    expect(await next.ask({ do: order, resource, as: 'lease' })).toMatchObject({ is: 'granted' });
    await next.release();
  }
});

test('a killed waiter does not block those behind it', async () => {
  const [holder, middle, last] = await rig.startMany(3);
  if (!holder || !middle || !last) throw new Error('no agents');
  await holder.acquire(resource);
  void middle.acquire(resource).catch(() => undefined);
  await rig.inLine('deploy', 2);
  const granted = last.acquire(resource);
  await rig.inLine('deploy', 3);
  await middle.kill('SIGKILL');
  await holder.release();
  await granted;
  expect((await rig.lock('deploy').inspect()).entries.map(({ owners }) => owners[0]?.pid)).toEqual([last.pid]);
});

test('permits of killed holders come back, all of them', async () => {
  const wide = { name: 'ktv', permits: 4 };
  const holders = await rig.startMany(3);
  for (const holder of holders) await holder.acquire(wide);
  await Promise.all(holders.map((holder) => holder.kill('SIGKILL')));
  const next = await rig.start();
  await next.acquire(wide, 'lease', 4);
});

test('a holder that blocks its event loop keeps the lock', async () => {
  const [holder, successor] = await rig.startMany(2);
  if (!holder || !successor) throw new Error('no agents');
  await holder.acquire(resource);
  const blocked = holder.ask({ do: 'block', ms: 400 });
  const answer = await successor.ask({ do: 'acquire', resource, as: 'lease', timeout: 200 });
  expect(answer).toMatchObject({ is: 'failed', code: 'LOCK_TIMEOUT', holderPids: [holder.pid] });
  await blocked;
  expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
});

test('a stopped holder keeps the lock', async () => {
  const [holder, successor] = await rig.startMany(2);
  if (!holder || !successor) throw new Error('no agents');
  await holder.acquire(resource);
  process.kill(holder.pid, 'SIGSTOP');
  const answer = await successor.ask({ do: 'acquire', resource, as: 'lease', timeout: 200 });
  expect(answer).toMatchObject({ is: 'failed', code: 'LOCK_TIMEOUT' });
  process.kill(holder.pid, 'SIGCONT');
  expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
});

test('a holder that is dead but not reaped does not keep the lock', async () => {
  // A parent that never waits for its child: the child stays a zombie after its end.
  const neverReaps = ['perl', '-e', 'my $child = fork; if (!$child) { exec @ARGV; die } sleep 600', '--'];
  const holder = await rig.start(neverReaps);
  expect(holder.pid).not.toBe(holder.child.pid);
  const successor = await rig.start();
  const token = await holder.acquire(resource);
  const granted = successor.acquire(resource);
  await rig.inLine('deploy', 2);
  process.kill(holder.pid, 'SIGKILL');
  expect(await granted).toBeGreaterThan(token);
  // It is still there: signal 0 reaches it.
  expect(process.kill(holder.pid, 0)).toBe(true);
  expect(rig.records('deploy').find(([verb]) => verb === 'evict')?.[5]).toContain('zombie');
});

test('a worker thread that is terminated while it holds does not keep the lock', async () => {
  const { agent, worker } = await rig.startThread();
  const token = await agent.acquire(resource);
  const granted = rig.lock('deploy').acquire();
  await rig.inLine('deploy', 2);
  await worker.terminate();
  const lease = await granted;
  expect(lease.token).toBeGreaterThan(token);
  await lease.release();
});

test('a worker thread and its process exclude each other', async () => {
  const { agent } = await rig.startThread();
  await agent.acquire(resource);
  expect(await rig.lock('deploy').tryAcquire()).toBeNull();
  await agent.release();
  await using lease = await rig.lock('deploy').acquire();
  expect(lease.held).toBe(true);
  expect(await agent.ask({ do: 'tryAcquire', resource, as: 'lease' })).toEqual({ is: 'refused' });
});

test('a chain of killed holders is passed to the last in line', async () => {
  const agents = await rig.startMany(5);
  const waits: Array<Promise<number>> = [];
  for (const [place, agent] of agents.entries()) {
    const wait = agent.acquire(resource);
    wait.catch(() => undefined);
    waits.push(wait);
    await rig.inLine('deploy', place + 1);
  }
  await waits[0];
  await Promise.all(agents.slice(0, 4).map((agent) => agent.kill('SIGKILL')));
  await waits[4];
  await until('the dead are out of the line', async () => (await rig.lock('deploy').inspect()).entries.length === 1);
});

test('the files of killed sessions are swept by those that come later, but for the ones that have entries', async () => {
  const holder = await rig.start();
  await holder.acquire({ name: 'kept' });
  await holder.kill('SIGKILL');
  const killed = await rig.startMany(10);
  for (const agent of killed) {
    await agent.acquire(resource);
    await agent.release();
  }
  await Promise.all(killed.map((agent) => agent.kill('SIGKILL')));
  const next = await rig.start();
  await next.acquire(resource);
  expect(killed.flatMap(({ pid }) => rig.sessionFiles(pid))).toEqual([]);
  expect(rig.sessionFiles(holder.pid)).toHaveLength(2);
  expect(rig.sessionFiles(next.pid)).toHaveLength(2);
});
