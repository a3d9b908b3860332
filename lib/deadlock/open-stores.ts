import { shared } from '../copies.ts';
import type { Kept } from '../line/entry.ts';
import { isSameStore, type Store } from '../store/store.ts';
import { inheritedIn } from './enclosing-locks.ts';

/** The stores on disk that resources of this process use. Each copy of the package opens a store for itself, with a session of its own. */
const open = shared('stores/1', () => new Set<Store>());

export function noteOpen(store: Store): void {
  if (store.sync) open.add(store);
}

/** All that this process holds in a store, and what is held around it as long as it runs. */
export function allHeldIn(store: Store): Kept[] {
  const sessions = [...open].filter((one) => one !== store && isSameStore(one, store));
  const held = [store, ...sessions].flatMap((one) => one.held());
  return [...held.map(({ name, ticket }) => ({ name, ticket })), ...inheritedIn(store.place)];
}
