import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GUARDIAN_SCRIPT } from '../../lib/process/guardian-script.ts';
import { isAlive, Rig } from '../support/cli-rig.ts';

const MARK = `LOCKSTEP_OF_${process.pid}_${Date.now()}`;

let rig: Rig;
let started: ChildProcess[];
beforeEach(() => {
  rig = new Rig();
  started = [];
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  return rig.end();
});

/** A process that leads a group and says when it is ready. */
async function marked(line: string, value: string | null): Promise<number> {
  const env = value === null ? process.env : { ...process.env, [MARK]: value };
  const child = spawn('sh', ['-c', `${line}; echo ready; while :; do sleep 0.02; done`], { env, detached: true });
  started.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

/** Runs the script with this input, to its end. */
async function guard(lines: readonly string[], mark = MARK, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const shell = spawn('/bin/sh', ['-c', GUARDIAN_SCRIPT, 'lockstep-guardian', mark], { env, detached: true });
  started.push(shell);
  shell.stdin.end(lines.map((line) => `${line}\n`).join(''));
  await once(shell, 'exit');
}

test('ends the groups that it watches, and what has their mark, each after its own grace; nothing else', async () => {
  const ignores = "trap '' TERM";
  const [polite, mule, stray, other, left] = await Promise.all([
    marked(':', null),
    marked(ignores, '1'),
    marked(ignores, '2'),
    marked(':', null),
    marked(':', null),
  ]);
  const from = performance.now();
  await guard([
    `watch ${polite} 5000 3`,
    `watch ${mule} 150 1`,
    `watch 4194000 150 2`,
    `watch ${left} 0 4`,
    `leave ${left}`,
  ]);
  expect(performance.now() - from).toBeGreaterThan(100);
  expect([polite, mule, stray].filter(isAlive)).toEqual([]);
  expect([other, left].filter(isAlive)).toEqual([other, left]);
});

test('finds what has the mark also where grep reads no further than the first NUL', async () => {
  const grep = `#!/bin/sh
case " $* " in *' -Fq b ') exit 1 ;; *' -Fls '*) exit 1 ;; esac
PATH=/usr/bin:/bin exec grep "$@"\n`;
  rig.write('grep', grep, 0o755);
  const stray = await marked(':', '7');
  await guard(['watch 4194000 100 7'], MARK, { ...process.env, PATH: `${rig.directory}:${process.env.PATH}` });
  expect(isAlive(stray)).toBe(false);
});

test('ends the groups where the system shows no processes, and ends them also if it may start none itself', async () => {
  const groups = await Promise.all([marked("trap '' TERM", null), marked("trap '' TERM", null)]);
  const lines = groups.map((group) => `watch ${group} 100 -`);
  await guard(lines.slice(0, 1), '-');
  expect(groups.map(isAlive)).toEqual([false, true]);
  // No `sleep`, as if the system had no room for another process.
  const shell = spawn('/bin/sh', [
    '-c',
    `${GUARDIAN_SCRIPT.replace('PATH=$PATH:/usr/bin:/bin', 'PATH=/none')}`,
    'g',
    '-',
  ]);
  started.push(shell);
  shell.stdin.end(`${lines[1]}\n`);
  const [code] = await once(shell, 'exit');
  expect(code).not.toBeNull();
  expect(groups.map(isAlive)).toEqual([false, false]);
});

test('in reserve it does nothing while the first one lives, and acts when that is gone', async () => {
  const [first, daemon] = await Promise.all([marked(':', null), marked(':', '9')]);
  const done = guard([`first ${first}`, `watch ${daemon} 5000 9`]);
  expect(await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 150, 'waits'))])).toBe('waits');
  expect(isAlive(daemon)).toBe(true);
  process.kill(first, 'SIGKILL');
  await done;
  expect(isAlive(daemon)).toBe(false);
});
