import { openStore, type Store } from '../../lib/index.ts';
import { isForeignTo, nodeHost, StoreView, storeErrorOf, storePath, storeUrl } from '../../lib/internal.ts';

/** The part of a store that a verb needs which only shows it. */
export type ShownStore = Pick<Store, 'names' | 'snapshot' | 'snapshots' | 'place' | 'withExpiry'>;

/** The store in a directory, for a verb that only shows it. Root sees another user's store too, and leaves nothing in it. */
export function shownStore(dir: string | undefined): ShownStore {
  return isForeign(dir) ? new StoreView(dir) : openStore(dir);
}

/** Whether the store is another user's, and this process root. @throws {StoreError} if it may not be looked at */
function isForeign(dir: string | undefined): boolean {
  if (dir === '' || storeUrl(dir) !== null) return false;
  const path = storePath(nodeHost, dir);
  try {
    const facts = nodeHost.files.look(path);
    return facts !== null && isForeignTo(nodeHost, facts);
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path });
  }
}
