import { MisuseError } from '../errors.ts';
import type { OwnEntry } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';
import { type AcquireOptions, labelOf } from './acquirable.ts';
import type { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, type WaitOptions } from './waiting.ts';

const CONFIG = { kind: 'condition', permits: 1 } as const;

export interface ConditionOptions extends ResourceOptions {
  /** The lock that guards what is waited for. Default: the lock `NAME.lock` in the same store. */
  lock?: Lock;
}

/**
 * Waiting, under a lock, for something that others change under the same lock.
 *
 * ```ts
 * const filled = new Condition('queue');
 * await filled.withLock(async () => {
 *   await filled.waitFor(() => readQueue().length > 0, { timeout: 5_000 });
 *   takeOne();
 * });
 * await filled.withLock(async () => { putOne(); await filled.notify(); }); // another process
 * ```
 *
 * *Crash:* a waiter that is killed after it was woken passes its wake-up on to the next one. Who is dead is not
 * woken in place of the living.
 */
export class Condition extends Resource implements Handed {
  readonly lock: Lock;
  /** Of the leases taken here at most one is held: the lock has one permit. */
  #lease: Lease | null = null;

  /** @throws {MisuseError} for a bad name, or one of over 195 bytes without a lock given */
  constructor(name: string, { lock, ...options }: ConditionOptions = {}) {
    super(name, CONFIG, options);
    this.lock = lock ?? new Lock(`${name}.lock`, options);
  }

  /** Acquires the lock. @throws as `Lock.acquire` */
  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    return this.#noted(await this.lock.acquire(options));
  }

  /** The lock if it is free now and nobody waits for it; else null. */
  async tryAcquire(options: Omit<AcquireOptions, 'timeout'> = {}): Promise<Lease | null> {
    const lease = await this.lock.tryAcquire(options);
    return lease && this.#noted(lease);
  }

  /** Runs `work` under the lock. @throws as `Lock.withLock` */
  withLock<T>(work: (lease: Lease) => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    return this.lock.withLock((lease) => work(this.#noted(lease)), options);
  }

  /**
   * Gives the lock back, waits to be notified, and takes the lock again: the lease is the same, with a new token.
   * Resolves to true, or to false if nobody notified it within `timeout` ms (default: as long as it takes). Either
   * way the lock is held again, however long that takes.
   *
   * @throws the signal's reason (rejects) if it aborts. The lock is not held then.
   * @throws {MisuseError} (rejects) unless the lock is held here, by `acquire` or `withLock` of this condition
   * @throws {LeaseLostError} (rejects) if the lock was lost
   * @throws {StoreError} (rejects) with `EVICTED` if somebody took the waiter out; or if the files cannot be used.
   *   The lock is not held then, unless it could not even be given back: `lease.held` says so.
   */
  async wait(options: WaitOptions & { label?: string } = {}): Promise<boolean> {
    checkWait(options);
    const lease = this.#held('wait');
    options.signal?.throwIfAborted();
    await lease.assertHeld();
    const { store } = this;
    // In line before the lock is free: who notifies under the lock finds us there.
    const entry = await store.join(this.name, CONFIG, { ask: 1, label: labelOf(options), onlyIfGranted: false });
    // A wake-up that we do not act upon goes to the next one, as if we had died.
    const passOn = { reason: 'woken, but gave up', by: `pid ${process.pid}` };
    const giveUp = (unwanted: OwnEntry) => store.abandon(unwanted, passOn);
    try {
      await lease.suspend();
      const woken = await untilHolding(store, entry, options, { giveUp });
      await this.lock.reacquire(lease, options);
      // Only now: were we killed before, our wake-up would go to the next one.
      if (woken) await abandonQuietly(store, entry);
      return woken;
    } catch (error) {
      // What went wrong is what its caller must hear of, not what follows from it.
      await abandonQuietly(store, entry, passOn);
      throw error;
    }
  }

  /**
   * Waits until `predicate` is true, which is asked under the lock: at first, and whenever notified. Resolves to its last
   * value, which is false only after `timeout` ms.
   *
   * @throws as `wait`, and what `predicate` throws
   */
  async waitFor<T>(predicate: () => T | PromiseLike<T>, options: WaitOptions & { label?: string } = {}): Promise<T> {
    checkWait(options);
    this.#held('waitFor');
    const restMs = countdown(this.store.clock, options.timeout ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const value = await predicate();
      const timeout = restMs();
      if (value || timeout <= 0) return value;
      await this.wait({ ...options, timeout });
    }
  }

  /**
   * Wakes the first `count` who wait, or as many as there are. Resolves to how many that were.
   *
   * @throws {MisuseError} (rejects) unless the lock is held here, by `acquire` or `withLock` of this condition
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async notify(count = 1): Promise<number> {
    if (!Number.isSafeInteger(count) || count < 0)
      throw new MisuseError(`notify takes a whole number from 0 up, not ${String(count)}`);
    this.#held('notify');
    return (await this.act({ do: 'notify', count })) ?? 0;
  }

  /** Wakes all who wait. @throws as `notify` */
  notifyAll(): Promise<number> {
    return this.notify(Number.MAX_SAFE_INTEGER);
  }

  /** @internal */
  [handed](): Recipe {
    return ['Condition', this.name, this.lock[handed](), this.place];
  }

  #noted(lease: Lease): Lease {
    this.#lease = lease;
    return lease;
  }

  #held(operation: string): Lease {
    if (this.#lease?.held) return this.#lease;
    throw new MisuseError(
      `${this.name}: ${operation} needs its lock, ${this.lock.name}, held by acquire() or withLock() of this condition`,
    );
  }
}
