import path from 'node:path';
import { type History, openHistory, type Past } from '../../lib/history/index.ts';
import { openStore, openStoreBeside, StoreError } from '../../lib/index.ts';
import { nodeHost, StoreView, storeErrorOf, storePath, storeUrl } from '../../lib/internal.ts';
import { EXIT, Exit, say } from '../output/exit.ts';
import { localTime } from '../text/quantities.ts';
import { orNearest } from './known-name.ts';

/** A store that is only read. */
export interface PastStore {
  /** Where it is, or would be. */
  place: string;
  /** The past of a name; null if there is none. */
  of(name: string): Promise<Past | null>;
  /** The past of every name. Calls `onError` for each that cannot be read. */
  all(onError: (error: unknown) => void): Promise<Past[]>;
  /** The names in it. */
  names(): Promise<readonly string[]>;
}

export function pastStoreIn(dir: string | undefined): PastStore {
  const url = storeUrl(dir);
  return url === null ? pastStore(storePath(nodeHost, dir), () => openHistory(dir)) : remotePastStore(url);
}

export function pastStoreBeside(file: string): PastStore {
  return pastStore(path.join(path.dirname(file), '.lockstep'), () => openHistory(openStoreBeside(file)));
}

/** A reader creates no store: where there is none, nothing is past. */
function pastStore(place: string, open: () => History): PastStore {
  const history = isThere(place) ? open() : null;
  return {
    place,
    of: async (name) => history?.of(name) ?? null,
    all: async (onError) => history?.all(onError) ?? [],
    names: async () => (history ? new StoreView(place).names() : []),
  };
}

function remotePastStore(url: string): PastStore {
  const store = openStore(url);
  const of = async (name: string) => (await store.records?.past(name)) ?? null;
  return {
    place: store.place,
    of,
    async all(onError) {
      const pasts: Past[] = [];
      for (const name of await store.names()) {
        try {
          pasts.push(...[(await of(name)) ?? []].flat());
        } catch (error) {
          // Without servers there is nothing to go on with.
          if (error instanceof StoreError && error.code === 'UNREACHABLE') throw error;
          onError(error);
        }
      }
      return pasts;
    },
    names: async () => store.names(),
  };
}

function isThere(path: string): boolean {
  try {
    return nodeHost.files.look(path) !== null;
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path });
  }
}

/** Reports that a store has nothing under a name. @throws {Exit} 1 */
export async function nothingKept(name: string, { place, names }: PastStore): Promise<never> {
  say(`${name}: there is no record of that name in the store ${place}${orNearest(name, await names())}`);
  throw new Exit(EXIT.failed);
}

/** Reports damaged epochs, and what is compacted away. The rest is shown nevertheless. */
export function sayIncomplete({ name, damaged, isCut = false, from }: Past): void {
  for (const number of damaged) say(`${name}: journal.${number} is damaged: its records are left out`);
  const since = from > 0 ? ` before ${localTime(from, 'seconds')}` : '';
  if (isCut) say(`${name}: the servers no longer keep all that happened${since}: its revisions were compacted`);
}
