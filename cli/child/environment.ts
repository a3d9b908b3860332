import type { Lease, Store } from '../../lib/index.ts';
import { handedDown } from '../../lib/internal.ts';

/** The variables that describe to a command the lock it runs under; `LOCKSTEP_HELD` is for Lockstep in the command. */
export function environmentOf(lease: Lease, store: Store): Record<string, string> {
  const held = lease.placeIn(store);
  const down = held ? handedDown(store.place, held) : {};
  return { LOCKSTEP_NAME: lease.name, LOCKSTEP_TOKEN: String(lease.token), ...down };
}
