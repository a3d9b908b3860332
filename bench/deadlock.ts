import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { effort } from './effort.ts';
import { rowOf, type Section } from './section.ts';

const RUNS = effort(5, 1);
const WORKER = fileURLToPath(new URL('./deadlock-worker.js', import.meta.url));
/** Each variant, and its baseline. */
const WAYS = [
  ['by hand', 'by hand', 'acquire, release'],
  ['scoped', 'by hand', 'withLock: the same, with an owner in the async context'],
  ['waiting', 'waiting', 'withLock, and another task wants it too'],
  ['waiting, holding', 'waiting', 'the same, each task within a withLock of its own'],
] as const;

/** The cost of deadlock detection: only the async context, as long as no waiter holds anything. */
export async function deadlock(directory: string): Promise<Section> {
  const times = new Map<string, number[]>(WAYS.map(([way]) => [way, []]));
  for (let run = 0; run < RUNS; run++) {
    for (const [way] of WAYS) {
      const place = path.join(directory, `deadlock${run} ${way}`);
      fs.mkdirSync(place);
      times.get(way)?.push(Number(execFileSync(process.execPath, [WORKER, place, way], { encoding: 'utf8' })) / 1000);
    }
  }
  const title = `cost of deadlock detection (${RUNS} processes each)`;
  const rows = WAYS.map(([way, base, what]) => rowOf(what, times.get(way) ?? [], { base: times.get(base) ?? [] }));
  return { name: 'deadlock', title, base: 'the same without', rows, absent: [], notes: [], targets: [] };
}
