import type { AcquireOptions } from './acquirable.ts';
import { flowOf, type Owner } from './flow.ts';
import type { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import type { Recipe } from './transferable.ts';
import { handed } from './transferable.ts';

const TRAITS = { reentrant: true } as const;

/**
 * A lock that its owner may acquire again while it has it. It is free when every lease of it was released.
 *
 * Its owner is a flow of control: what runs inside of `withLock`, or of an `Owner`. Elsewhere nobody could tell the
 * owner from another task of the same process, so there a second `acquire` waits like anybody's. It is the same
 * lock as `Lock` of that name; what a `Lock` holds is not acquired again.
 *
 * ```ts
 * const lock = new RLock('deploy');
 * await lock.withLock(async () => {
 *   await lock.withLock(async () => { … }); // in at once
 * });
 * ```
 */
export class RLock extends Lock {
  /** As of `Lock`; at once if its owner has it already, whoever waits. */
  override async acquire(options: AcquireOptions = {}): Promise<Lease> {
    return this.#again(options.owner) ?? this.enter(1, options, TRAITS);
  }

  override async tryAcquire(options: Omit<AcquireOptions, 'timeout'> = {}): Promise<Lease | null> {
    return this.#again(options.owner) ?? this.tryEnter(1, options, TRAITS);
  }

  override acquireSync(options: AcquireOptions = {}): Lease {
    return this.#again(options.owner) ?? this.enterSync(1, options, TRAITS);
  }

  override tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> = {}): Lease | null {
    return this.#again(options.owner) ?? this.tryEnterSync(1, options, TRAITS);
  }

  /** @internal */
  override [handed](): Recipe {
    return ['RLock', this.name, this.place];
  }

  #again(owner: Owner | undefined): Lease | null {
    const { store, name } = this;
    const flow = flowOf(owner);
    const again = flow?.pick((lease) => lease.again(store, name)) ?? null;
    if (!again) return null;
    try {
      // It may outlive the one that it was acquired over.
      flow?.add(again);
      return again;
    } catch (error) {
      // The caller does not get it, so nobody else would release it. It is not the last one: this writes nothing.
      void again.release();
      throw error;
    }
  }
}
