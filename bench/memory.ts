import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Lock } from '../lib/index.ts';
import { effort } from './effort.ts';
import { median } from './median.ts';
import { atMost, rowOf, type Section, skipped } from './section.ts';

const ROUNDS = effort(9, 1);
/** By then a process has begun to wait, and has done what it does at first. */
const SETTLED_MS = effort(1_500, 500);
/** By then V8 has compiled what a waiting process does over and over, and has collected its garbage. */
const LATER_MS = effort(10_000, 1_000);
const LATER_ROUNDS = effort(3, 1);
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const BARE = 'node that waits for a timer';
const WAITING = 'lockstep run x -- true, waiting';

/** The resident memory of a command line that waits for a lock: a machine may have hundreds of them. */
export async function memory(directory: string): Promise<Section> {
  const title = `a waiting process, against a bare Node process (resident memory, ${ROUNDS} of each in turn)`;
  const target = (measured?: number) => atMost('lockstep run, when its wait has begun, to bare Node', 1.2, measured);
  if (process.platform !== 'linux' || !fs.existsSync(MAIN)) {
    return skipped('memory', title, 'this needs Linux, and the command line (npm run build).', [target()]);
  }
  const store = path.join(directory, 'memory');
  await using _held = await new Lock('x', { store }).acquire();
  const contestants = [
    { name: BARE, args: ['-e', 'setInterval(() => {}, 1e9)'] },
    { name: WAITING, args: [MAIN, 'run', '--dir', store, 'x', '--', 'true'] },
  ];
  const taken = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const { name, args } of contestants) taken.get(name)?.push(await residentKb(args, SETTLED_MS));
  const later = contestants.map(({ name, args }) => ({ name: `${name}, after ${LATER_MS / 1000} s`, args }));
  for (const { name, args } of later.flatMap((one) => Array<typeof one>(LATER_ROUNDS).fill(one)))
    taken.set(name, [...(taken.get(name) ?? []), await residentKb(args, LATER_MS)]);
  const base = taken.get(BARE) ?? [];
  const rows = [...taken].map(([name, kb]) => rowOf(name, kb, { unit: 'kB', base }));
  const measured = median(taken.get(WAITING) ?? []) / median(base);
  return { name: 'memory', title, base: 'bare', rows, absent: [], notes: [], targets: [target(measured)] };
}

async function residentKb(args: readonly string[], afterMs: number): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  try {
    await sleep(afterMs);
    return residentOf(child);
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null) await once(child, 'exit');
  }
}

function residentOf({ pid, exitCode }: ChildProcess): number {
  if (exitCode !== null) throw new Error(`memory: the process ended with ${exitCode}`);
  const [, kb] = /^VmRSS:\s*(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb);
}
