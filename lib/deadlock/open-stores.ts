import { shared } from '../copies.ts';
import { openedDirectory } from '../disk/opened-stores.ts';
import type { Kept } from '../line/entry.ts';
import type { Store } from '../store/store.ts';
import { inheritedIn } from './enclosing-locks.ts';

/** The stores that `openStore` and its like opened for this process. Each copy of the package opens one directory for itself, with a session of its own. */
const open = shared('stores/1', () => new Set<Store>());

/** Notes a store that is used now, if it was opened for the whole process. */
export function noteOpen(store: Store): void {
  if (!open.has(store) && openedDirectory(store)) open.add(store);
}

/** Whether two stores are one for this process: the same object, or opened by two copies in the same place. */
export function isSameStore(one: Store, other: Store): boolean {
  return one === other || (one.place === other.place && open.has(one) && open.has(other));
}

/** All that this process holds in a store, and what is held around it as long as it runs. */
export function allHeldIn(store: Store): Kept[] {
  const others = [...open].filter((one) => one !== store && isSameStore(one, store));
  const held = [store, ...others].flatMap((one) => one.held());
  return [...held.map(({ name, ticket }) => ({ name, ticket })), ...inheritedIn(store.place)];
}
