import fs from 'node:fs';
import path from 'node:path';
import { Lock } from 'lockstep';
import { effort } from './effort.ts';
import { atMost, rowOf, type Section } from './section.ts';
import { count } from './table.ts';

const ACQUISITIONS = effort(1_000_000, 2_000);
const PARTS = 10;
const LIMIT_KB = 256;

/** A million acquisitions of one lock: their remains in the store, and in this process. */
export async function acquisitions(directory: string): Promise<Section> {
  const store = path.join(directory, 'store');
  const lock = new Lock('lock', { store });
  const [ms, leftKb, rssKb]: [number[], number[], number[]] = [[], [], []];
  for (let part = 0; part < PARTS; part++) {
    const began = performance.now();
    for (let done = 0; done < ACQUISITIONS / PARTS; done++) await (await lock.acquire()).release();
    ms.push((performance.now() - began) / (ACQUISITIONS / PARTS));
    leftKb.push(sizeOf(store) / 1024);
    rssKb.push(process.memoryUsage.rss() / 1024);
  }
  return {
    name: 'acquisitions',
    title: `${count(ACQUISITIONS)} acquisitions of one lock, in ${PARTS} parts`,
    rows: [
      rowOf('acquire and release', ms),
      rowOf('the store', leftKb, { unit: 'kB', more: { most: { value: Math.max(...leftKb), unit: 'kB' } } }),
      rowOf('memory', rssKb, { unit: 'kB', more: { most: { value: Math.max(...rssKb), unit: 'kB' } } }),
    ],
    absent: [],
    notes: [],
    targets: [
      atMost('the store after any part', LIMIT_KB, Math.max(...leftKb), 'kB'),
      atMost('memory after all to that after the second part', 1.2, (rssKb.at(-1) ?? Number.NaN) / (rssKb[1] ?? 1)),
      atMost('an acquisition of the last part to one of the second', 1.2, (ms.at(-1) ?? Number.NaN) / (ms[1] ?? 1)),
    ],
  };
}

function sizeOf(place: string): number {
  const facts = fs.lstatSync(place);
  if (!facts.isDirectory()) return facts.size;
  return fs.readdirSync(place).reduce((sum, name) => sum + sizeOf(path.join(place, name)), 0);
}
