import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { ProcessTree } from '../../lib/host/process-tree.ts';
import { isAlive } from '../support/cli-rig.ts';

let started: number[] = [];
afterEach(() => {
  for (const pid of started) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone, as it should be.
    }
  }
  started = [];
});

/** A shell that leads a group, and prints the pids of the processes it started. */
async function tree(
  script: string,
  count: number,
): Promise<{ child: ChildProcess; pids: number[]; exit: Promise<unknown> }> {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  let text = '';
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes;
      if (text.trim().split('\n').length >= count) resolve();
    });
  });
  const pids = text.trim().split('\n').map(Number);
  started.push(child.pid ?? 0, ...pids);
  return { child, pids, exit };
}

test('a descendant that left the group for a session of its own is ended too, with its children', async () => {
  const { child, pids, exit } = await tree("setsid sh -c 'echo $$; sleep 60 & echo $!; wait' & wait", 2);
  await new ProcessTree(child.pid ?? 0).end(10_000);
  expect(await exit).toBe('SIGTERM');
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a process left in the group after its leader is gone is ended', async () => {
  const { child, pids, exit } = await tree('sleep 60 & echo $!; read -r _', 1);
  const group = new ProcessTree(child.pid ?? 0);
  child.stdin?.end('\n');
  await exit;
  expect(pids.filter(isAlive)).toEqual(pids);
  await group.end(10_000);
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a descendant that was found once is ended, also when all processes between it and the leader are gone', async () => {
  const stubborn = `setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 0.05; done'`;
  const { child, pids, exit } = await tree(`sh -c "${stubborn.replaceAll(/(["$\\])/g, '\\$1')} & wait" & wait`, 1);
  await new ProcessTree(child.pid ?? 0).end(300);
  await exit;
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a process outside the tree is not signalled; nor is one that was started when the tree was gone', async () => {
  const other = await tree('echo $$; read -r _', 1);
  const { child, exit } = await tree('echo $$; read -r _', 1);
  const group = new ProcessTree(child.pid ?? 0);
  child.stdin?.end();
  await exit;
  await group.end(10_000);
  group.signal('SIGKILL');
  expect(other.pids.filter(isAlive)).toEqual(other.pids);
  other.child.stdin?.end();
  await other.exit;
});

test('a number that is another process’s by now is not signalled', async () => {
  const { child, pids, exit } = await tree('echo $$; read -r _', 1);
  const stranger = new ProcessTree(child.pid ?? 0, { start: 1 });
  await stranger.end(10_000);
  stranger.signal('SIGKILL');
  expect(pids.filter(isAlive)).toEqual(pids);
  child.stdin?.end();
  await exit;
});
