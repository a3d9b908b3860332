import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Lock } from '../lib/index.ts';
import { effort } from './effort.ts';
import { median } from './median.ts';
import { atMost, type Figure, type Row, rowOf, type Section, type Target } from './section.ts';

const ROUNDS = effort(50, 2);
const LOOK_AGAIN_MS = 5;
/** A holder is killed at a random moment of this span, so that no round favours a phase of the waiter's polls. */
const SPREAD_MS = 100;
const WORKER = fileURLToPath(new URL('./recovery-worker.js', import.meta.url));
const CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

/** The time from the SIGKILL of a holder to the moment at which the waiter, another process, is granted the lock. */
export async function recovery(directory: string): Promise<Section> {
  const rows: Row[] = [];
  const targets: Target[] = [];
  const notes: string[] = [];
  const target = (name: string, measured?: number) => targets.push(atMost(`${name}, median`, 15, measured, 'ms'));
  const measure = async (name: string, through: readonly string[]) => {
    const times = await allRounds(path.join(directory, `recovery${rows.length}`), through);
    const more = { fastest: inMs(Math.min(...times)), slowest: inMs(Math.max(...times)) };
    rows.push(rowOf(name, times, { single: times, more }));
    target(name, median(times));
  };
  await measure('in the same pid namespace', []);
  const other = 'in another pid namespace';
  if (mayContain()) await measure(other, CONTAINER);
  else {
    notes.push('Another pid namespace: skipped, because `unshare` is refused here.');
    target(other);
  }
  const title = `from the SIGKILL of a holder to the grant of its waiter (${ROUNDS} rounds)`;
  return { name: 'recovery', title, rows, absent: [], notes, targets };
}

function inMs(value: number): Figure {
  return { value, unit: 'ms' };
}

function mayContain(): boolean {
  const [program = '', ...args] = [...CONTAINER, 'true'];
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** The times in ms. `through`: a command line that executes the holder, which is appended to it. */
async function allRounds(store: string, through: readonly string[]): Promise<number[]> {
  const waiter = await start(store, []);
  const times: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) times.push(await oneRound(store, waiter, through));
  } finally {
    waiter.disconnect();
  }
  await once(waiter, 'exit');
  return times;
}

async function oneRound(store: string, waiter: ChildProcess, through: readonly string[]): Promise<number> {
  const holder = await start(store, through);
  const ended = once(holder, 'exit');
  await grantOf(holder, 'acquire');
  const granted = grantOf(waiter, 'visit');
  const lock = new Lock('x', { store });
  while ((await lock.inspect()).entries.length < 2) await sleep(LOOK_AGAIN_MS);
  await sleep(Math.random() * SPREAD_MS);
  // The program of a container is its first process: the container ends with it.
  const pid = through.length === 0 ? holder.pid : childOf(holder.pid);
  const killedAt = process.hrtime.bigint();
  process.kill(pid as number, 'SIGKILL');
  const ms = Number((await granted) - killedAt) / 1e6;
  await ended;
  return ms;
}

async function start(store: string, through: readonly string[]): Promise<ChildProcess> {
  const [program = '', ...args] = [...through, process.execPath, WORKER, store, 'x'];
  // `unshare` complains of the signal mask when its program is killed.
  const stderr = through.length === 0 ? 'inherit' : 'ignore';
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', stderr, 'ipc'] });
  await once(child, 'message');
  return child;
}

/** Resolves to the moment at which it was granted the lock. */
async function grantOf(child: ChildProcess, order: 'acquire' | 'visit'): Promise<bigint> {
  child.send(order);
  const [at] = await once(child, 'message');
  return BigInt(at);
}

/** The pid here of the process that `unshare` has started. */
function childOf(pid = 0): number {
  return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
