import type { ForeignHold } from '../foreign/foreign-lock.ts';
import type { OwnEntry, Store } from '../store/store.ts';
import type { Flow } from './flow.ts';
import { Lease } from './lease.ts';
import type { LeaseTraits } from './lease-traits.ts';
import { SharedEntry } from './shared-entry.ts';

/** The entry that was granted, with its store. */
export interface Granted {
  store: Store;
  entry: OwnEntry;
  /** The lock of other programs that was acquired with it. */
  hold: ForeignHold | null;
  /** How many permits it was asked for; 0: it is shared. */
  ask: number;
}

/** The lease of an entry that holds. It is the flow's from now on. */
export function leased({ store, entry, hold, ask }: Granted, traits: LeaseTraits, flow: Flow | null): Lease {
  const own = ask === 0 ? { ...traits, isShared: true } : traits;
  const lease = new Lease(store, entry, own, new SharedEntry(entry, hold));
  flow?.add(lease);
  return lease;
}
