import { handedDown } from '../../lib/deadlock/enclosing-locks.ts';
import type { Lease } from '../../lib/primitives/lease.ts';
import type { Store } from '../../lib/store/store.ts';

/** The variables that describe to a command the lock it runs under; `LOCKSTEP_HELD` is for Lockstep in the command. */
export function environmentOf(lease: Lease, store: Store): Record<string, string> {
  const held = lease.placeIn(store);
  const down = held ? handedDown(store.place, held) : {};
  return { LOCKSTEP_NAME: lease.name, LOCKSTEP_TOKEN: String(lease.token), ...down };
}
