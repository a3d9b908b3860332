import type { Store } from '../../lib/index.ts';
import { nearestOf } from '../../lib/internal.ts';
import { EXIT, Exit, say } from '../output/exit.ts';

/** `: did you mean deploy?`, or nothing. */
export function orNearest(name: string, names: readonly string[]): string {
  const near = nearestOf(name, names);
  return near === null ? '' : `: did you mean ${near}?`;
}

/** The part of a store that lists its names. */
type NamedStore = Pick<Store, 'names' | 'place'>;

/** Reports that a store has no such name, and the one that may have been meant. */
export async function sayNoSuchName(store: NamedStore, name: string): Promise<void> {
  say(`${name}: there is no such name in the store ${store.place}${orNearest(name, await store.names())}`);
}

/** @throws {Exit} 1 */
export async function noSuchName(store: Store, name: string): Promise<never> {
  await sayNoSuchName(store, name);
  throw new Exit(EXIT.failed);
}
