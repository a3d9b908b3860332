import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCounter, writeCounter } from './counter.ts';
import { median } from './median.ts';
import { count, duration, table } from './table.ts';

const PROCESSES = 8;
// Shorter runs measure how eight processes start: each compiles its own code, and starts its keepalive.
const ROUNDS = 10_000;
const RUNS = 3;
const WORKER = fileURLToPath(new URL('./handoff-worker.js', import.meta.url));

/** Eight processes pass one lock on, and count in a plain file. Throws unless the count is exact. */
export async function handoff(directory: string): Promise<void> {
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run++) runs.push(await oneRun(path.join(directory, `handoff${run}`)));
  const total = PROCESSES * ROUNDS;
  console.log(`${PROCESSES} processes pass one lock on, ${count(ROUNDS)} rounds each (${RUNS} runs)`);
  const rows = [['', 'hand-offs/s', 'each']];
  const row = (name: string, ms: number) => [name, count((total / ms) * 1000), duration(ms / total)];
  rows.push(row('median', median(runs)), row('slowest', Math.max(...runs)), row('fastest', Math.min(...runs)));
  process.stdout.write(table(rows));
  console.log(`  The counter ended at exactly ${count(total)} each time. Target: at least 5,000 hand-offs/s.\n`);
}

/** Resolves to the time in ms from the start signal to the end of the last process. */
async function oneRun(directory: string): Promise<number> {
  fs.mkdirSync(directory, { mode: 0o700 });
  const counter = path.join(directory, 'counter');
  const fd = fs.openSync(counter, 'wx+');
  writeCounter(fd, 0);
  const store = path.join(directory, 'store');
  const workers = Array.from({ length: PROCESSES }, () => fork(WORKER, [store, counter, String(ROUNDS)]));
  const ends = workers.map((worker) => once(worker, 'exit'));
  await Promise.all(workers.map((worker) => said(worker, 'ready')));
  const start = performance.now();
  const done = workers.map((worker) => said(worker, 'done'));
  for (const worker of workers) worker.send('go');
  await Promise.all(done);
  const ms = performance.now() - start;
  await Promise.all(ends);
  const counted = readCounter(fd);
  fs.closeSync(fd);
  if (counted !== PROCESSES * ROUNDS) {
    throw new Error(`handoff: the counter is not exact: ${counted}, not ${PROCESSES * ROUNDS}`);
  }
  return ms;
}

function said(worker: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message) => message === word && resolve());
    worker.once('exit', (code, signal) =>
      reject(new Error(`handoff: a process ended before "${word}": ${signal ?? code}`)),
    );
  });
}
