import path from 'node:path';
import { Lock } from 'lockstep';
import { median } from './median.ts';

// Prints the cost of one cycle in µs, in a process of its own: once Node follows promises it never stops.

const [directory = '', way = ''] = process.argv.slice(2);
const BATCHES = 100;
const store = path.join(directory, way);
const lock = new Lock('inner', { store });

async function byHand(): Promise<void> {
  const lease = await lock.acquire();
  await Promise.resolve();
  await lease.release();
}

async function scoped(): Promise<void> {
  await lock.withLock(() => Promise.resolve());
}

/** Two tasks pass one lock to each other, each while it holds a lock of its own, or none. */
async function contended(cycles: number, holds: boolean): Promise<void> {
  const rounds = async () => {
    for (let cycle = 0; cycle < cycles / 2; cycle++) await lock.withLock(() => new Promise(setImmediate));
  };
  const task = (name: string) => (holds ? new Lock(name, { store }).withLock(rounds) : rounds());
  await Promise.all([task('outer 1'), task('outer 2')]);
}

async function repeat(cycle: () => Promise<void>, cycles: number): Promise<void> {
  for (let at = 0; at < cycles; at++) await cycle();
}

const WAYS: Record<string, (cycles: number) => Promise<void>> = {
  'by hand': (cycles) => repeat(byHand, cycles),
  scoped: (cycles) => repeat(scoped, cycles),
  waiting: (cycles) => contended(cycles, false),
  'waiting, holding': (cycles) => contended(cycles, true),
};

const batch = WAYS[way];
if (!batch) throw new Error(`there is no ${way}`);
const times: number[] = [];
for (let at = -10; at < BATCHES; at++) {
  const start = performance.now();
  await batch(50);
  if (at >= 0) times.push((performance.now() - start) / 50);
}
console.log(median(times) * 1000);
