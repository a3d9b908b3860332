import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { IS_LIVING, isAlive, isStopped, Rig, until } from './cli-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** As the tests see a process, and as the commands do that they lock. */
async function seen(pid: number): Promise<[boolean, boolean]> {
  const { status } = await rig.start('sh', ['-c', `${IS_LIVING}; is_living ${pid}`], { input: '' }).ended;
  return [isAlive(pid), status === 0];
}

test('a process that runs or is stopped lives; a zombie does not, nor one that is gone', async () => {
  // A parent that never waits for its child.
  const parent = rig.start('sh', ['-c', 'sleep 600 & echo in $!; exec sleep 600']);
  const pid = rig.stray(Number((await parent.says(/in (\d+)/))[1]));
  expect(await seen(pid)).toEqual([true, true]);
  process.kill(pid, 'SIGSTOP');
  await until('it is stopped', () => isStopped(pid));
  expect(await seen(pid)).toEqual([true, true]);
  process.kill(pid, 'SIGKILL');
  await until('it has ended', () => !isAlive(pid));
  expect(await seen(pid)).toEqual([false, false]);

  const gone = spawn('true');
  await once(gone, 'close');
  expect(await seen(gone.pid ?? 0)).toEqual([false, false]);
});

test('a name with spaces and parentheses hides nothing', async () => {
  const named = rig.write('a) Z (b', '#!/bin/sh\necho in; read -r _\n', 0o755);
  const program = rig.start(named, []);
  await program.says('in');
  expect(await seen(program.pid)).toEqual([true, true]);
  await program.letGo();
});
