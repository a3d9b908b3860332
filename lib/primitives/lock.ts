import { brand } from '../copies.ts';
import { foreignLockOf } from '../foreign/lock-of.ts';
import { checkFunction } from '../options/option-names.ts';
import { Acquirable } from './acquirable.ts';
import type { AcquireOptions } from './acquire-options.ts';
import type { Lease } from './lease.ts';
import { LOCK_OPTIONS, type LockOptions } from './lock-options.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';

const CONFIG = { kind: 'lock', permits: 1 } as const;

/**
 * A `Lock` lets one holder at a time use a resource: one caller in one process. Waiters are served in the order in
 * which they came.
 *
 * Use it when only one process at a time may do something. For several at a time use a `Semaphore`; for many readers
 * or one writer, an `RWLock`; to acquire again what the caller holds already, an `RLock`.
 *
 * The same name in the same store is the same lock in every process. Creating the object touches no file. A lock is
 * not re-entrant: a second `acquire` adds a second entry, which waits for the first.
 *
 * @example
 * import { Lock } from 'lockstep';
 * const lock = new Lock('deploy');
 * await lock.withLock(async (lease) => {
 *   console.log(lease.name); // prints deploy
 * }, { timeout: 5_000 });
 */
export class Lock extends Acquirable implements Transferable {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: LockOptions = {}) {
    super(name, CONFIG, options, LOCK_OPTIONS, foreignLockOf(options?.alsoLock));
  }

  /**
   * Waits in line until this caller holds the lock.
   *
   * @throws {LockTimeoutError} (rejects) after `timeout` ms. No entry is left in line.
   * @throws the signal's reason (rejects) if it aborts. No entry is left in line.
   * @throws {DeadlockError} (rejects) if the wait provably cannot end, unless `detectDeadlock` is false
   * @throws {ConfigMismatchError} (rejects) if the name is not a lock's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  acquire(options: AcquireOptions = {}): Promise<Lease> {
    return this.enter(options);
  }

  /** Acquires the lock if it is free now and has no waiters; resolves to null otherwise. @throws as `acquire` */
  tryAcquire(options: Omit<AcquireOptions, 'timeout'> = {}): Promise<Lease | null> {
    return this.tryEnter(options);
  }

  /** Blocks this thread until it has acquired, as `acquire` does. Ctrl-C still ends the process. For stores on disk only. */
  acquireSync(options: AcquireOptions = {}): Lease {
    return this.enterSync(options);
  }

  /** Does what `tryAcquire` does, without a promise. For stores on disk only. */
  tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> = {}): Lease | null {
    return this.tryEnterSync(options);
  }

  /**
   * Acquires, runs `work`, and releases once the promise that `work` returns has settled, either way.
   *
   * @throws as `acquire`, and what `work` throws
   * @throws {LeaseLostError} (rejects) if the lease was lost meanwhile, unless `work` itself threw
   */
  async withLock<T>(work: (lease: Lease) => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    checkFunction('withLock', work);
    return this.hold(await this.acquire(options), work);
  }

  /** @internal Whether a lock of other programs is acquired along with it. */
  get alsoLocks(): boolean {
    return this.foreign !== null;
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Lock', this.name, this.place, this.foreign?.also];
  }
}

brand({ Lock });
