import path from 'node:path';
import { type History, openHistory } from '../../lib/history/index.ts';
import { openStoreBeside } from '../../lib/index.ts';
import { nodeHost, StoreView, storeErrorOf, storePath } from '../../lib/internal.ts';
import { EXIT, Exit, say } from '../output/exit.ts';
import { orNearest } from './known-name.ts';

/** A store that is only read. */
export interface PastStore {
  /** Where it is, or would be. */
  place: string;
  /** Null if there is no store: a reader creates none. */
  history: History | null;
  /** The names in it. */
  names: () => readonly string[];
}

export function pastStoreIn(dir: string | undefined): PastStore {
  return pastStore(storePath(nodeHost, dir), () => openHistory(dir));
}

export function pastStoreBeside(file: string): PastStore {
  return pastStore(path.join(path.dirname(file), '.lockstep'), () => openHistory(openStoreBeside(file)));
}

function pastStore(place: string, open: () => History): PastStore {
  if (!isThere(place)) return { place, history: null, names: () => [] };
  return { place, history: open(), names: () => new StoreView(place).names() };
}

function isThere(path: string): boolean {
  try {
    return nodeHost.files.look(path) !== null;
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path });
  }
}

/** Reports that a store has nothing under a name. @throws {Exit} 1 */
export function nothingKept(name: string, { place, names }: PastStore): never {
  say(`${name}: there is no record of that name in the store ${place}${orNearest(name, names())}`);
  throw new Exit(EXIT.failed);
}

/** Reports damaged epochs. The others are shown nevertheless. */
export function sayDamaged(name: string, damaged: readonly number[]): void {
  for (const number of damaged) say(`${name}: journal.${number} is damaged: its records are left out`);
}
