import { Barrier, Counter, Event, type LineView, Lock, LockstepError, openStore, Semaphore } from 'lockstep';
import { ETCD_SECTIONS } from './etcd/scenery.ts';
import { Random } from './random.ts';
import { BARRIER, COUNTERS, EVENT, Ground, JSON_FILES, PARTIES, SECTIONS } from './scenery.ts';
import { Updates } from './updates.ts';

// A process of its own, because an open store keeps the disk from being unmounted. Prints the state of the lines;
// with `through`, when all others are gone, it also checks that each line grants a request.

export interface Inspection {
  counters: Record<string, number>;
  /** Lines that have entries, as text. */
  standing: string[];
  /** Errors of requests that should have been granted. */
  stuck: string[];
}

/** Longer than the leases on etcd. */
const TIMEOUT_MS = 25_000;
const [root = '', way, place = ''] = process.argv.slice(2);
const ground = new Ground(root);
const store = openStore(place);
const isOnEtcd = place.startsWith('etcd');
const inspection: Inspection = { counters: {}, standing: [], stuck: [] };

for (const name of await store.names()) {
  const line = await store.snapshot(name);
  if (line && line.entries.length > 0) inspection.standing.push(inWords(line));
}
if (way === 'through') {
  for (const { name, kind, permits } of isOnEtcd ? ETCD_SECTIONS : SECTIONS) await through(name, kind, permits);
  const barrier = new Barrier(BARRIER, PARTIES, { store });
  await barrier.reset();
  await new Event(EVENT, { store }).set();
  // The next update of a file sweeps away temporary files of killed writers.
  const updates = new Updates({ ground, store, random: new Random(0), breaks: null });
  for (const name of isOnEtcd ? [] : JSON_FILES) await updates.nextDocument(name).catch(tellStuck);
}
for (const name of COUNTERS) inspection.counters[name] = await new Counter(name, { store }).get();
console.log(JSON.stringify(inspection));
await store.close();

/** Acquires all permits at once, which proves that no live process has one. */
async function through(name: string, kind: string, permits: number): Promise<void> {
  try {
    const all =
      kind === 'semaphore'
        ? await new Semaphore(name, permits, { store }).acquire({ permits, timeout: TIMEOUT_MS })
        : await new Lock(name, { store }).acquire({ timeout: TIMEOUT_MS });
    await all.release();
  } catch (error) {
    tellStuck(error);
  }
}

function tellStuck(error: unknown): void {
  if (!(error instanceof LockstepError)) throw error;
  inspection.stuck.push(error.message);
}

function inWords({ name, kind, permits, value, entries }: LineView): string {
  const each = entries.map(({ state, ask, ticket, owners, stale }) => {
    const who = owners.map(({ pid, gone }) => `${pid}${gone ? ` (${gone})` : ''}`).join('+');
    return `${ticket} ${state} ${ask} pid ${who}${stale ? ', stale' : ''}`;
  });
  return `${name}: ${kind} of ${permits}, value ${value}: ${each.join('; ')}`;
}
