/**
 * `lockstep/observe`: a store's lines, seen from outside. Nothing here writes to the store, or needs permission to.
 *
 * @module lockstep/observe
 */

import type { LineView } from '../store/store.ts';
import { StoreView } from './store-view.ts';

/** A read-only view of a store. */
export interface ReadOnlyStore {
  /** The store's directory. */
  readonly place: string;
  /** The names that are in use. Empty if there is no store. @throws {StoreError} if it cannot be read or trusted */
  names(): string[];
  /** The line as it is now, or null if there is none. @throws {StoreError} if it cannot be read */
  snapshot(name: string): LineView | null;
}

/**
 * Opens a read-only view of a store, which need not be there yet. Use it to show holders and waiters where a program must
 * leave no trace: it makes, repairs and rotates nothing, and evicts no entry.
 *
 * @param directory Default: `$LOCKSTEP_DIR`, or the user's own store
 *
 * @example
 * import { Lock } from 'lockstep';
 * import { openStoreView } from 'lockstep/observe';
 * await using lease = await new Lock('deploy').acquire();
 * console.log(openStoreView().snapshot('deploy')?.entries.map(({ state }) => state)); // prints [ 'holding' ]
 */
export function openStoreView(directory?: string): ReadOnlyStore {
  return new StoreView(directory);
}
