import { brand } from '../copies.ts';
import type { Flow } from './flow.ts';
import type { Lease } from './lease.ts';
import type { LeaseTraits } from './lease-traits.ts';
import { Lock } from './lock.ts';
import type { Recipe } from './transferable.ts';
import { transfer } from './transferable.ts';

const TRAITS = { reentrant: true } as const;

/**
 * An `RLock` is a lock that the flow that holds it may acquire again, at once. It is free once each of its leases is
 * released.
 *
 * Use it when code that holds the lock calls code that acquires it too.
 *
 * The flow is what runs inside of `withLock`, or inside of an `Owner`. Elsewhere a second `acquire` cannot be
 * distinguished from that of another task of the same process, and waits like any other. It is the same lock as a
 * `Lock` of that name; a lease of a `Lock` cannot be acquired again.
 *
 * @example
 * import { RLock } from 'lockstep';
 * const lock = new RLock('deploy');
 * await lock.withLock(async () => {
 *   await lock.withLock(() => console.log('held twice')); // prints held twice
 * });
 */
export class RLock extends Lock {
  /** @internal */
  override [transfer](): Recipe {
    return ['RLock', this.name, this.place, this.foreign?.also];
  }

  protected override get traits(): LeaseTraits {
    return TRAITS;
  }

  /** At once, before all waiters, if this flow holds the lock already. */
  protected override again(flow: Flow | null): Lease | null {
    const { store, name } = this;
    const again = flow?.pick((lease) => lease.again(store, name)) ?? null;
    if (!again) return null;
    try {
      // This lease may outlive the one that was there first.
      flow?.add(again);
      return again;
    } catch (error) {
      // The caller never gets this lease, so it must be released here. It is not the last one: nothing is written.
      void again.release();
      throw error;
    }
  }
}

brand({ RLock });
