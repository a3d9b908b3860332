import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AgentProcess, Rig } from '../support/process-rig.ts';

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

/** A holder, its token, and a successor that waits behind it. */
async function holderAndSuccessor(): Promise<{
  holder: AgentProcess;
  token: number;
  successor: AgentProcess;
  granted: Promise<number>;
}> {
  const holder = await rig.start();
  const successor = await rig.start();
  const token = await holder.acquire(resource);
  const granted = successor.acquire(resource);
  await rig.inLine('deploy', 2);
  return { holder, token, successor, granted };
}

test('a program that comes to its end gives the lock back itself', async () => {
  const { holder, token, granted } = await holderAndSuccessor();
  void holder.ask({ do: 'finish' });
  expect(await holder.end()).toEqual({ code: 0, signal: null });
  expect(await granted).toBeGreaterThan(token);
  expect(rig.ending('deploy', token)).toBe('leave');
  expect(rig.sessionFiles(holder.pid)).toEqual([]);
});

test('process.exit gives the lock back and keeps its code', async () => {
  const { holder, token, granted } = await holderAndSuccessor();
  void holder.ask({ do: 'exit', code: 7 });
  expect(await holder.end()).toEqual({ code: 7, signal: null });
  expect(await granted).toBeGreaterThan(token);
  expect(rig.ending('deploy', token)).toBe('leave');
  expect(rig.sessionFiles(holder.pid)).toEqual([]);
});

test('an uncaught exception gives the lock back and still ends the program with code 1', async () => {
  const { holder, token, granted } = await holderAndSuccessor();
  void holder.ask({ do: 'throw' });
  expect(await holder.end()).toEqual({ code: 1, signal: null });
  expect(await granted).toBeGreaterThan(token);
  expect(rig.ending('deploy', token)).toBe('leave');
  expect(rig.sessionFiles(holder.pid)).toEqual([]);
});

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
  test('gives the lock back, and the program dies of that signal', async () => {
    const { holder, token, granted } = await holderAndSuccessor();
    expect(await holder.kill(signal)).toEqual({ code: null, signal });
    expect(await granted).toBeGreaterThan(token);
    expect(rig.ending('deploy', token)).toBe('leave');
    expect(rig.sessionFiles(holder.pid)).toEqual([]);
  });

  test('takes a waiter out of the line', async () => {
    const holder = await rig.start();
    const waiter = await rig.start();
    await holder.acquire(resource);
    void waiter.acquire(resource).catch(() => undefined);
    await rig.inLine('deploy', 2);
    expect(await waiter.kill(signal)).toEqual({ code: null, signal });
    const { entries } = await rig.lock('deploy').inspect();
    expect(entries.map(({ owners }) => owners[0]?.pid)).toEqual([holder.pid]);
  });
});

test('a program that handles SIGTERM itself decides: it lives on, and still holds', async () => {
  const { holder, token, granted } = await holderAndSuccessor();
  expect(await holder.ask({ do: 'handle', signal: 'SIGTERM' })).toEqual({ is: 'done' });
  process.kill(holder.pid, 'SIGTERM');
  expect(await holder.report('signal')).toEqual({ is: 'signal', signal: 'SIGTERM' });
  expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
  const { entries } = await rig.lock('deploy').inspect();
  expect(entries.map(({ state, ticket }) => [state, ticket === token])).toEqual([
    ['holding', true],
    ['waiting', false],
  ]);
  await holder.release();
  expect(await granted).toBeGreaterThan(token);
});

test('importing the package installs no handler and no exit listener', async () => {
  const agent = await rig.start();
  const answer = await agent.ask({ do: 'listeners' });
  if (answer.is !== 'listeners') throw new Error(JSON.stringify(answer));
  expect(Object.values(answer.counts).every((count) => count === 0)).toBe(true);
});

test('a synchronous acquire installs no signal handler either', async () => {
  const agent = await rig.start();
  await agent.ask({ do: 'acquireSync', resource, as: 'lease' });
  const answer = await agent.ask({ do: 'listeners' });
  if (answer.is !== 'listeners') throw new Error(JSON.stringify(answer));
  const { exit, ...others } = answer.counts;
  expect(exit).toBe(1);
  expect(Object.values(others).every((count) => count === 0)).toBe(true);
});

test('a lease whose signal is listened to keeps no program alive', async () => {
  const { holder, token, granted } = await holderAndSuccessor();
  expect(await holder.ask({ do: 'watch', as: 'lease' })).toEqual({ is: 'done' });
  void holder.ask({ do: 'finish' });
  expect(await holder.end()).toEqual({ code: 0, signal: null });
  expect(await granted).toBeGreaterThan(token);
});
