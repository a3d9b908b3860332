import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedNumber, WAYS, type Way } from './edits.ts';
import { effort } from './effort.ts';
import { median } from './median.ts';
import { atLeast, rowOf, type Section } from './section.ts';
import { count } from './table.ts';

const TICKETS = effort(1_000, 10);
const WINDOWS = effort(8, 2);
const RUNS = effort(5, 1);
const PEER: Way = 'proper-lockfile + write-file-atomic';
const WORKER = fileURLToPath(new URL('./tickets-worker.js', import.meta.url));

interface Run {
  perSecond: number;
  /** Of the window that sold the most, and the fewest. */
  most: number;
  fewest: number;
}

/** Eight processes sell a thousand tickets. Throws unless each ticket is sold once. */
export async function tickets(directory: string): Promise<Section> {
  const runs = new Map<Way, Run[]>(WAYS.map((way) => [way, []]));
  for (let run = 0; run < RUNS; run++)
    for (const way of WAYS)
      runs.get(way)?.push(await oneRun(way, path.join(directory, `${run}.${way.replaceAll(' ', '')}`)));
  const sales = (way: Way) => (runs.get(way) ?? []).map(({ perSecond }) => perSecond);
  const base = sales(PEER);
  return {
    name: 'tickets',
    title: `${WINDOWS} processes sell ${count(TICKETS)} tickets (${RUNS} runs of each in turn)`,
    base: PEER,
    rows: WAYS.map((way) => {
      const turns = (key: 'most' | 'fewest') => ({
        value: median((runs.get(way) ?? []).map((run) => run[key])),
        unit: 'count' as const,
      });
      return rowOf(way, sales(way), {
        unit: 'per second',
        base,
        more: { most: turns('most'), fewest: turns('fewest') },
      });
    }),
    absent: [],
    notes: [`Each time exactly ${count(TICKETS)} were sold. Most, fewest: what one process sold.`],
    targets: [
      atLeast(`JsonFile.update's sales to those of ${PEER}`, 1, median(sales('JsonFile.update')) / median(base)),
    ],
  };
}

async function oneRun(way: Way, place: string): Promise<Run> {
  fs.mkdirSync(place, { mode: 0o700 });
  await sharedNumber(way, place).begin(TICKETS);
  const windows = Array.from({ length: WINDOWS }, () => fork(WORKER, [way, place]));
  const ends = windows.map((window) => once(window, 'exit'));
  await Promise.all(windows.map((window) => once(window, 'message')));
  const began = performance.now();
  const sold = windows.map(async (window, at) => {
    const [answer] = (await Promise.race([once(window, 'message'), ends[at]])) as [number];
    return answer;
  });
  for (const window of windows) window.send('go');
  const each = await Promise.all(sold);
  const ms = performance.now() - began;
  await Promise.all(ends);
  const total = each.reduce((sum, one) => sum + one, 0);
  if (total !== TICKETS) throw new Error(`tickets: ${way} sold ${total} of ${TICKETS} tickets`);
  return { perSecond: (total / ms) * 1_000, most: Math.max(...each), fewest: Math.min(...each) };
}
