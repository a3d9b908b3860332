import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { effort } from './effort.ts';
import { median } from './median.ts';
import { atLeast, rowOf, type Section } from './section.ts';
import { ITEM_WAYS, type ItemWay, sharedItems } from './shared-items.ts';
import { count } from './table.ts';

const ITEMS: Record<ItemWay, number> = { 'JsonFile and Condition': effort(200, 5), Queue: effort(10_000, 20) };
const CONSUMERS = effort(4, 2);
const RUNS = effort(5, 1);
const PEER: ItemWay = 'JsonFile and Condition';
const WORKER = fileURLToPath(new URL('./queue-worker.js', import.meta.url));

/** One process puts numbers, and others take them. Throws unless each is taken once. */
export async function queue(directory: string): Promise<Section> {
  const runs = new Map<ItemWay, number[]>(ITEM_WAYS.map((way) => [way, []]));
  for (let run = 0; run < RUNS; run++)
    for (const way of ITEM_WAYS)
      runs.get(way)?.push(await oneRun(way, path.join(directory, `${run}.${way.replaceAll(' ', '')}`)));
  const of = (way: ItemWay) => runs.get(way) ?? [];
  return {
    name: 'queue',
    title: `items through one producer and ${CONSUMERS} consumers (${RUNS} runs of each in turn)`,
    base: PEER,
    rows: ITEM_WAYS.map((way) => rowOf(way, of(way), { unit: 'per second', base: of(PEER) })),
    absent: [],
    notes: [
      `${count(ITEMS.Queue)} items through Queue, ${count(ITEMS[PEER])} through the other, of which a taker that dies loses one. Each item was taken once.`,
    ],
    targets: [atLeast(`Queue to ${PEER}`, 20, median(of('Queue')) / median(of(PEER)))],
  };
}

async function oneRun(way: ItemWay, place: string): Promise<number> {
  fs.mkdirSync(place, { mode: 0o700 });
  fs.writeFileSync(path.join(place, 'items.json'), '[]\n');
  const many = ITEMS[way];
  const roles = ['put', ...Array.from({ length: CONSUMERS }, () => 'take')];
  const workers = roles.map((role) => fork(WORKER, [way, place, role, String(many)]));
  const ends = workers.map((worker) => once(worker, 'exit'));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const answers = workers.map(async (worker, at) => {
    const [sum] = (await Promise.race([once(worker, 'message'), ends[at]])) as [number];
    return sum;
  });
  const began = performance.now();
  for (const worker of workers) worker.send('go');
  await answers[0];
  const items = sharedItems(way, place);
  // One for each consumer: the end.
  for (let at = 0; at < CONSUMERS; at++) await items.put(0);
  const sums = await Promise.all(answers);
  const ms = performance.now() - began;
  await Promise.all(ends);
  const sum = sums.reduce((all, one) => all + one, 0);
  if (sum !== (many * (many + 1)) / 2) throw new Error(`queue: ${way} lost items, or gave some twice: ${sum}`);
  return (many / ms) * 1_000;
}
