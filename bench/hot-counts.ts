import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HAS_MARIADB, MariaDbServer } from '../test/support/mariadb-server.ts';
import { HAS_REDIS, RedisServer } from '../test/support/redis-server.ts';
import { effort } from './effort.ts';
import { type Places, sellerBy, WAYS, type Way } from './hot-counts-ways.ts';
import { median } from './median.ts';
import { atLeast, rowOf, type Section } from './section.ts';
import { count } from './table.ts';

const TICKETS = effort(1_000, 20);
const PROCESSES = effort(8, 2);
const RUNS = effort(5, 1);
const BASE: Way = 'UPDATE … WHERE count > 0 in MariaDB';
const WORKER = fileURLToPath(new URL('./hot-counts-worker.js', import.meta.url));

interface Run {
  /** Sales a second. */
  sales: number;
  /** The same, until the database has all of them. */
  written: number;
}

/** Processes sell at once, in each way. Throws unless each ticket is sold once, and the database says so. */
export async function hotCounts(directory: string): Promise<Section> {
  const mysql = HAS_MARIADB ? await MariaDbServer.start({ directory: path.join(directory, 'mariadb') }) : null;
  let redis: RedisServer | null = null;
  let lazyRedis: RedisServer | null = null;
  try {
    if (HAS_REDIS) {
      redis = await RedisServer.start({ directory: path.join(directory, 'redis') });
      const settings = { appendfsync: 'everysec' };
      lazyRedis = await RedisServer.start({ directory: path.join(directory, 'lazy-redis'), settings });
    }
    const runs = new Map<Way, Run[]>();
    const absent: string[] = [];
    for (let run = 0; run < RUNS; run++)
      for (const [at, way] of WAYS.entries()) {
        const places = {
          directory: path.join(directory, `${run}.${at}`),
          redis: redis?.url ?? null,
          lazyRedis: lazyRedis?.url ?? null,
          mysql: mysql?.url ?? null,
        };
        fs.mkdirSync(places.directory, { mode: 0o700 });
        const result = await oneRun(way, places);
        if (result) runs.set(way, [...(runs.get(way) ?? []), result]);
        else if (run === 0) absent.push(`${way}: it is not installed here`);
      }
    return sectionOf(runs, absent);
  } finally {
    await redis?.stop();
    await lazyRedis?.stop();
    await mysql?.stop();
  }
}

function sectionOf(runs: ReadonlyMap<Way, Run[]>, absent: string[]): Section {
  const sales = (way: Way) => (runs.get(way) ?? []).map((run) => run.sales);
  const base = sales(BASE);
  return {
    name: 'hot-counts',
    title: `${PROCESSES} processes sell ${count(TICKETS)} tickets at once (${RUNS} runs of each in turn)`,
    base: BASE,
    rows: [...runs].map(([way, each]) =>
      rowOf(way, sales(way), {
        unit: 'per second',
        base,
        more: {
          'until it is in the database': { value: median(each.map(({ written }) => written)), unit: 'per second' },
        },
      }),
    ),
    absent,
    notes: [
      `Each time exactly ${count(TICKETS)} were sold, and nothing was left in the database.`,
      'A HotCounter is written back to MariaDB meanwhile, ten times a second. Redis and MariaDB sync each sale, but for the one that syncs each second; a journal does not sync.',
      'All but the UPDATEs and JsonFile give the same id the same answer; the UPDATEs make no order.',
    ],
    targets: [
      atLeast(
        'sales of HotCounter on files to those of an UPDATE in MariaDB',
        1,
        median(sales('HotCounter on files')) / median(base),
      ),
      atLeast(
        'sales of HotCounter on Redis to those of an UPDATE in MariaDB',
        1,
        median(sales('HotCounter on Redis')) / median(base),
      ),
    ],
  };
}

/** Null if a server is missing here. */
async function oneRun(way: Way, places: Places): Promise<Run | null> {
  const seller = sellerBy(way, places);
  if (seller === null) return null;
  await seller.begin(TICKETS);
  const people = Array.from({ length: PROCESSES }, (_, person) =>
    fork(WORKER, [way, JSON.stringify(places), `p${person}`]),
  );
  const ends = people.map((person) => once(person, 'exit'));
  // One may die before it is ready; then too few are sold, which is an error below.
  await Promise.all(people.map((person, at) => Promise.race([once(person, 'message'), ends[at]])));
  const began = performance.now();
  const sold = people.map(async (person, at) => {
    const [answer] = (await Promise.race([once(person, 'message'), ends[at]])) as [number];
    return answer;
  });
  for (const person of people) if (person.connected) person.send('go');
  const total = (await Promise.all(sold)).reduce((sum, one) => sum + one, 0);
  const ms = performance.now() - began;
  const left = await seller.flush();
  const writtenMs = performance.now() - began;
  await Promise.all(ends);
  await seller.close();
  if (total !== TICKETS || left !== 0)
    throw new Error(`hot-counts: ${way} sold ${total} of ${TICKETS} tickets, and the database says ${left} are left`);
  return { sales: (total / ms) * 1_000, written: (total / writtenMs) * 1_000 };
}
