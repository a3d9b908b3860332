import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GUARDIAN_SCRIPT } from '../../lib/process/guardian-script.ts';
import { isAlive } from '../support/cli-rig.ts';

const MARK = `LOCKSTEP_OF_${process.pid}_${Date.now()}`;

let directory: string;
let started: ChildProcess[];
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-guardian-'));
  started = [];
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  fs.rmSync(directory, { recursive: true });
});

/** Counts each SIGTERM, and says how many they were at SIGUSR1. */
const COUNTS = `count=0; trap 'count=$((count + 1))' TERM; trap 'asked=1' USR1
sleep() { [ -z "$asked" ] || echo $count SIGTERM; asked=; /bin/sleep "$@"; }`;

/** A process that leads a group and says when it is ready. */
async function marked(line: string, value: string | null): Promise<number> {
  const env = value === null ? process.env : { ...process.env, [MARK]: value };
  const child = spawn(
    'sh',
    [
      '-c',
      `${line}
 echo ready; while :; do sleep 0.02; done`,
    ],
    { env, detached: true },
  );
  started.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

/** Runs the script with this input, to its end. */
async function guard(lines: readonly string[], mark = MARK, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const shell = spawn('/bin/sh', ['-c', GUARDIAN_SCRIPT, 'lockstep-guardian', mark], {
    env,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
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

test('ends the groups where the system shows no processes, and ends them also if it may start none itself', async () => {
  const groups = await Promise.all([marked("trap '' TERM", null), marked("trap '' TERM", null)]);
  const lines = groups.map((group) => `watch ${group} 100 -`);
  await guard(lines.slice(0, 1), '-');
  // The kernel may take a moment to end what was killed.
  await expect.poll(() => groups.map(isAlive), { timeout: 20_000 }).toEqual([false, true]);
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
  // It could not wait for that.
  await expect.poll(() => groups.map(isAlive), { timeout: 20_000 }).toEqual([false, false]);
});

test('in reserve it does nothing while the first one lives, and acts when that is gone', async () => {
  // Each pause is seen; by the first one, a script that does not wait has sent its SIGTERM.
  fs.writeFileSync(path.join(directory, 'sleep'), `#!/bin/sh\n: > '${directory}/pause'\nexec /bin/sleep "$@"\n`, {
    mode: 0o755,
  });
  const [first, daemon] = await Promise.all([marked(':', null), marked(COUNTS, '9')]);
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  const done = guard([`first ${first}`, `watch ${daemon} 100 9`], MARK, env);
  await expect.poll(() => fs.existsSync(`${directory}/pause`), { timeout: 20_000 }).toBe(true);
  process.kill(daemon, 'SIGUSR1');
  const [said] = await once(started.find(({ pid }) => pid === daemon)?.stdout as Readable, 'data');
  expect(String(said)).toBe('0 SIGTERM\n');
  process.kill(first, 'SIGKILL');
  await done;
  await expect.poll(() => isAlive(daemon), { timeout: 20_000 }).toBe(false);
});
