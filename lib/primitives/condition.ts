import { MisuseError } from '../errors.ts';
import type { OwnEntry } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';
import { type AcquireOptions, labelOf } from './acquirable.ts';
import type { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, type WaitOptions } from './waiting.ts';

const CONFIG = { kind: 'condition', permits: 1 } as const;

/** Options of a `Condition`. */
export interface ConditionOptions extends ResourceOptions {
  /** The lock that guards the awaited state. Default: the lock `NAME.lock` in the same store. */
  lock?: Lock;
}

/**
 * A `Condition` lets a process wait, under a lock, for a state that other processes change under the same lock.
 *
 * Use it when a waiter needs the lock and a state: a queue that is not empty, a file that is complete.
 *
 * *Crash:* a waiter that is killed after it was notified passes the notification on to the next one. `notify` does not
 * count dead waiters.
 *
 * @example
 * import { Condition } from 'lockstep';
 * const filled = new Condition('queue');
 * const queue: string[] = []; // in place of a file that processes share
 * const taken = filled.withLock(() => filled.waitFor(() => queue.shift(), { timeout: 5_000 }));
 * await filled.withLock(async () => { queue.push('job 1'); await filled.notify(); });
 * console.log(await taken); // prints job 1
 */
export class Condition extends Resource implements Transferable {
  /** The lock that the condition releases and acquires again. */
  readonly lock: Lock;
  /** The last lease acquired here. No other one is held: the lock has one permit. */
  #lease: Lease | null = null;

  /** @throws {MisuseError} for a name as of `Lock`, or one of over 195 bytes where no lock is given */
  constructor(name: string, { lock, ...options }: ConditionOptions = {}) {
    super(name, CONFIG, options);
    this.lock = lock ?? new Lock(`${name}.lock`, options);
  }

  /** Acquires the lock. @throws as `Lock.acquire` */
  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    return this.#noted(await this.lock.acquire(options));
  }

  /** Acquires the lock if it is free now and has no waiters; resolves to null otherwise. @throws as `Lock.tryAcquire` */
  async tryAcquire(options: Omit<AcquireOptions, 'timeout'> = {}): Promise<Lease | null> {
    const lease = await this.lock.tryAcquire(options);
    return lease && this.#noted(lease);
  }

  /** Runs `work` under the lock. @throws as `Lock.withLock` */
  withLock<T>(work: (lease: Lease) => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    return this.lock.withLock((lease) => work(this.#noted(lease)), options);
  }

  /**
   * Releases the lock, waits for a notification, and acquires the lock again: the lease is the same, with a new token.
   * Resolves to true; to false after `timeout` ms without a notification (default: no limit). Either way the lock is
   * held again first, however long that takes.
   *
   * @throws the signal's reason (rejects) if it aborts. The lock is not held then.
   * @throws {MisuseError} (rejects) unless the lock is held here, by `acquire` or `withLock` of this condition
   * @throws {LeaseLostError} (rejects) if the lock was lost
   * @throws {StoreError} (rejects) with `EVICTED` if the waiter's entry was evicted; or if the files cannot be used. The
   *   lock is not held then, unless even its release failed: `lease.held` reports which.
   */
  async wait(options: WaitOptions & { label?: string } = {}): Promise<boolean> {
    checkWait(options);
    const lease = this.#held('wait');
    options.signal?.throwIfAborted();
    await lease.assertHeld();
    const { store } = this;
    // Join the line before the lock is free: the next holder's `notify` must find this waiter.
    const entry = await store.join(this.name, CONFIG, { ask: 1, label: labelOf(options), onlyIfGranted: false });
    // A notification that this waiter does not act upon goes to the next one, as if this one had died.
    const passOn = { reason: 'woken, but gave up', by: `pid ${process.pid}` };
    const giveUp = (unwanted: OwnEntry) => store.abandon(unwanted, passOn);
    try {
      await lease.suspend();
      const woken = await untilHolding(store, entry, options, { giveUp });
      await this.lock.reacquire(lease, options);
      // Other flows of this process may have acquired the lock here meanwhile.
      this.#noted(lease);
      // Not earlier: if this process is killed before it has the lock, the next waiter must get the notification.
      if (woken) await abandonQuietly(store, entry);
      return woken;
    } catch (error) {
      // Preserve the original error.
      await abandonQuietly(store, entry, passOn);
      throw error;
    }
  }

  /**
   * Waits until `predicate` returns a truthy value. Calls it under the lock: first at once, then after each
   * notification. Resolves to its last value, which is falsy only after `timeout` ms.
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
   * Wakes the first `count` waiters, or all if there are fewer. Resolves to the number woken.
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

  /** Wakes all waiters. Resolves to the number woken. @throws as `notify` */
  notifyAll(): Promise<number> {
    return this.notify(Number.MAX_SAFE_INTEGER);
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Condition', this.name, this.lock[transfer](), this.place];
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
