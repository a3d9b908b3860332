import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { checkFunction, OptionNames } from '../options/option-names.ts';
import type { OwnEntry } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';
import { type AcquireOptions, labelOf } from './acquire-options.ts';
import { Flow, flowOf } from './flow.ts';
import { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import type { Pause } from './shared-entry.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, type WaitOptions } from './waiting.ts';

const CONFIG = { kind: 'condition', permits: 1 } as const;

/** Options of a `Condition`. */
export interface ConditionOptions extends ResourceOptions {
  /** The lock that guards the awaited state. Default: the lock `NAME.lock` in the same store. */
  lock?: Lock;
}

/** Options of a `Condition`'s `notify`, and of its waits. */
export interface LeaseOptions {
  /** The lease of the lock. Default: the one that is held by the flow of control whose code is running. */
  lease?: Lease | undefined;
}

/** Options of a `Condition`'s waits. */
export interface ConditionWaitOptions extends WaitOptions, LeaseOptions {
  label?: string;
}

const OPTIONS = new OptionNames<ConditionOptions>(
  'new CLASS(name, …)',
  { store: true, lock: true },
  { string: 'store' },
);
const WAITS = { timeout: true, signal: true, label: true, lease: true } as const;
const WAIT = new OptionNames<ConditionWaitOptions>('wait(…)', WAITS, { number: 'timeout' });
const WAIT_FOR = new OptionNames<ConditionWaitOptions>('waitFor(predicate, …)', WAITS, { number: 'timeout' });
const NOTIFY = new OptionNames<LeaseOptions>('notify(count, …)', { lease: true });
const NOTIFY_ALL = new OptionNames<LeaseOptions>('notifyAll(…)', { lease: true });

/** A lease that was taken by plain `acquire`. */
interface PlainLease {
  lease: Lease;
  /** The flow in which it was taken, which may have several tasks. */
  flow: Flow | null;
}

/**
 * A `Condition` lets a process wait, under a lock, for a state that other processes change under the same lock.
 *
 * Use it when a waiter needs the lock and a state: a queue that is not empty, a file that is complete.
 *
 * Only the flow of control that holds the lock may `wait` or `notify`: code that runs inside of `withLock`, or inside of an
 * `Owner` that acquired it. After a plain `acquire`, the code that runs in the same flow counts as the holder, because its tasks
 * cannot be distinguished; where several tasks of a process use one lock so, name the lease: `wait({ lease })`.
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
  /** The leases that were taken here. */
  readonly #taken = new WeakSet<Lease>();
  /** Those that were taken by plain `acquire`, and are not over. One of them at most is held: others are given back for a wait. */
  #plain: readonly PlainLease[] = [];

  /** @throws {MisuseError} for a name as of `Lock`, or one of over 195 bytes where no lock is given */
  constructor(name: string, options: ConditionOptions = {}) {
    super(name, CONFIG, options, OPTIONS);
    const { lock, ...rest } = options;
    if (lock !== undefined && !(lock instanceof Lock)) throw new MisuseError('lock must be a Lock');
    if (lock?.alsoLocks)
      throw new MisuseError(
        `${name}: a wait() gives the lock back for a while, which it cannot do with a lock that has alsoLock`,
      );
    this.lock = lock ?? new Lock(`${name}.lock`, rest);
  }

  /** Acquires the lock. @throws as `Lock.acquire` */
  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    const lease = await this.lock.acquire(options);
    return this.#noted(lease, flowOf(options.owner));
  }

  /** Acquires the lock if it is free now and has no waiters; resolves to null otherwise. @throws as `Lock.tryAcquire` */
  async tryAcquire(options: Omit<AcquireOptions, 'timeout'> = {}): Promise<Lease | null> {
    const lease = await this.lock.tryAcquire(options);
    return lease && this.#noted(lease, flowOf(options.owner));
  }

  /** Runs `work` under the lock. @throws as `Lock.withLock` */
  async withLock<T>(work: (lease: Lease) => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    checkFunction('withLock', work);
    return this.lock.withLock((lease) => {
      this.#taken.add(lease);
      return work(lease);
    }, options);
  }

  /**
   * Releases the lock, waits for a notification, and acquires the lock again: the lease is the same, with a new token.
   * Resolves to true; to false after `timeout` ms without a notification (default: no limit). Either way the lock is
   * held again first, however long that takes.
   *
   * @throws the signal's reason (rejects) if it aborts. The lock is not held then.
   * @throws {MisuseError} (rejects) unless the lock is held by this flow of control, by `acquire` or `withLock` of this
   *   condition; while another `wait` has given it back; or if the lease is released meanwhile
   * @throws {LeaseLostError} (rejects) if the lock was lost
   * @throws {DeadlockError} (rejects) if the lock can provably not be acquired again. It is not held then.
   * @throws {StoreError} (rejects) with `EVICTED` if the waiter's entry was evicted; or if the files cannot be used. The
   *   lock is not held then, unless even its release failed: `lease.held` reports which.
   */
  async wait(options: ConditionWaitOptions = {}): Promise<boolean> {
    WAIT.check(options);
    checkWait(options);
    const lease = this.#held('wait', options);
    options.signal?.throwIfAborted();
    return lease.pause((pause) => this.#waitDuring(pause, options));
  }

  /**
   * Waits until `predicate` returns a truthy value. Calls it under the lock: first at once, then after each
   * notification. Resolves to its last value, which is falsy only after `timeout` ms.
   *
   * @throws as `wait`, and what `predicate` throws
   */
  async waitFor<T>(predicate: () => T | PromiseLike<T>, options: ConditionWaitOptions = {}): Promise<T> {
    checkFunction('waitFor', predicate);
    WAIT_FOR.check(options);
    checkWait(options);
    const lease = this.#held('waitFor', options);
    const restMs = countdown(this.store.clock, options.timeout ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const value = await predicate();
      const timeout = restMs();
      if (value || timeout <= 0) return value;
      await this.wait({ ...options, lease, timeout });
    }
  }

  /**
   * Wakes the first `count` waiters, or all if there are fewer. Resolves to the number woken.
   *
   * @throws {MisuseError} (rejects) unless the lock is held as for `wait`
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async notify(count = 1, options: LeaseOptions = {}): Promise<number> {
    NOTIFY.check(options);
    if (!Number.isSafeInteger(count) || count < 0)
      throw new MisuseError(`notify takes a whole number from 0 up, not ${String(count)}`);
    this.#held('notify', options);
    return (await this.act({ do: 'notify', count })) ?? 0;
  }

  /** Wakes all waiters. Resolves to the number woken. @throws as `notify` */
  async notifyAll(options: LeaseOptions = {}): Promise<number> {
    NOTIFY_ALL.check(options);
    return this.notify(Number.MAX_SAFE_INTEGER, options);
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Condition', this.name, this.lock[transfer](), this.place];
  }

  async #waitDuring(pause: Pause, options: ConditionWaitOptions): Promise<boolean> {
    const { store } = this;
    const signal = options.signal ? AbortSignal.any([options.signal, pause.signal]) : pause.signal;
    // Join the line before the lock is free: the next holder's `notify` must find this waiter.
    const entry = await store.join(this.name, CONFIG, { ask: 1, label: labelOf(options), onlyIfGranted: false });
    // A notification that this waiter does not act upon goes to the next one, as if this one had died.
    const passOn = { reason: 'woken, but gave up', by: `pid ${process.pid}` };
    const giveUp = (unwanted: OwnEntry) => store.abandon(unwanted, passOn);
    try {
      await pause.store.leave(pause.shared.current);
      pause.shared.throwIfLost();
      const woken = await untilHolding(store, entry, { ...options, signal }, { giveUp });
      await this.lock.reacquire({ ...pause, signal }, options.label);
      // Not earlier: if this process is killed before it has the lock, the next waiter must get the notification.
      if (woken) await abandonQuietly(store, entry);
      return woken;
    } catch (error) {
      // Preserve the original error.
      await abandonQuietly(store, entry, passOn);
      throw error;
    }
  }

  #noted(lease: Lease, flow: Flow | null): Lease {
    this.#taken.add(lease);
    // A declared flow itself knows the leases that are acquired in it.
    if (!flow?.isDeclared) this.#plain = [...this.#plain.filter((one) => !one.lease.isOver), { lease, flow }];
    return lease;
  }

  /** The caller's lease of the lock. @throws {MisuseError} if it has none */
  #held(operation: string, { lease: named }: LeaseOptions): Lease {
    const { store, name } = this.lock;
    if (named !== undefined && !(named instanceof Lease)) throw new MisuseError('lease must be a Lease');
    const its = (lease: Lease) => (lease.isOf(store, name) ? lease : null);
    const found = named ? its(named) : this.#ofThisFlow(its);
    if (found) return found;
    throw new MisuseError(
      `${this.name}: ${operation} needs its lock, ${name}, held by this flow of control, by acquire() or withLock() of this condition. Call it inside of withLock(), or pass the lease as the option lease`,
    );
  }

  /** The lease that was taken here by the flow whose code is running. */
  #ofThisFlow(its: (lease: Lease) => Lease | null): Lease | null {
    const flow = Flow.current;
    const taken = flow?.pick((lease) => (this.#taken.has(lease) ? its(lease) : null)) ?? null;
    return taken ?? this.#plain.flatMap((one) => (one.flow === flow ? (its(one.lease) ?? []) : []))[0] ?? null;
  }
}

brand({ Condition });
