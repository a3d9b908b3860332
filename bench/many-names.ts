import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { effort } from './effort.ts';
import { atMost, rowOf, type Section } from './section.ts';
import { count } from './table.ts';

const NAMES = effort(10_000, 20);
const PARTS = 10;
const PROCESSES = effort(4, 2);
const WORKER = fileURLToPath(new URL('./many-names-worker.js', import.meta.url));

interface Part {
  ms: number;
  rssKb: number;
  descriptors: number;
}

/** Ten thousand names, which one process makes and uses, and which several then use at once. */
export async function manyNames(directory: string): Promise<Section> {
  const store = path.join(directory, 'store');
  const alone = await partsOf(store);
  const crowd = await Promise.all(Array.from({ length: PROCESSES }, () => partsOf(store)));
  const all = [alone, ...crowd];
  return {
    name: 'names',
    title: `${count(NAMES)} names, each acquired and released once: made by one process, then used by ${PROCESSES} at once`,
    rows: [row('made by one', [alone]), row(`used by each of ${PROCESSES}`, crowd)],
    absent: [],
    notes: ['A first use makes a directory and syncs a file.'],
    targets: [
      atMost(
        'a name of the last tenth to one of the second',
        1.3,
        Math.min(...all.map((parts) => growth(parts, 'ms'))),
      ),
      atMost(
        'memory after all names to that after a tenth',
        1.3,
        Math.max(...all.map((parts) => growth(parts, 'rssKb', 0))),
      ),
      atMost('open descriptors', 200, Math.max(...all.flat().map(({ descriptors }) => descriptors)), 'count'),
    ],
  };
}

function row(name: string, processes: readonly Part[][]) {
  const last = (key: keyof Part) => Math.max(...processes.map((parts) => parts.at(-1)?.[key] ?? Number.NaN));
  const ms = processes.flat().map((part) => part.ms);
  return rowOf(name, ms, {
    more: {
      memory: { value: last('rssKb'), unit: 'kB' },
      descriptors: { value: last('descriptors'), unit: 'count' },
    },
  });
}

function growth(parts: readonly Part[], key: keyof Part, from = 1): number {
  return (parts.at(-1)?.[key] ?? Number.NaN) / (parts[from]?.[key] ?? Number.NaN);
}

async function partsOf(store: string): Promise<Part[]> {
  const worker = fork(WORKER, [store, String(NAMES), String(NAMES / PARTS)]);
  const ended = once(worker, 'exit');
  const [parts] = (await Promise.race([once(worker, 'message'), ended])) as [Part[] | number];
  await ended;
  if (!Array.isArray(parts)) throw new Error(`names: a process ended with ${parts}`);
  return parts;
}
