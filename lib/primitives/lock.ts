import { Acquirable, type AcquireOptions, type ResourceOptions } from './acquirable.ts';
import type { Lease } from './lease.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';

const CONFIG = { kind: 'lock', permits: 1 } as const;

/**
 * A lock that one process (or one caller in it) holds at a time. First come, first served.
 *
 * Any process that opens the same name in the same store means the same lock. Making the object touches
 * no file. A lock is not re-entrant: a second `acquire` is a second entry, and waits for the first.
 *
 * ```ts
 * const lock = new Lock('deploy');
 * await lock.withLock(async () => {
 *   // nobody else is here
 * }, { timeout: 5_000 });
 * ```
 */
export class Lock extends Acquirable implements Handed {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, CONFIG, options);
  }

  /**
   * Waits in line until the lock is ours.
   *
   * @throws {LockTimeoutError} (rejects) after `timeout` ms. Nothing is left in line.
   * @throws the signal's reason (rejects) if it aborts. Nothing is left in line.
   * @throws {ConfigMismatchError} (rejects) if the name is not a lock's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  acquire(options: AcquireOptions = {}): Promise<Lease> {
    return this.enter(1, options);
  }

  /** Takes the lock if it is free now and nobody waits; else null. */
  tryAcquire(options: Omit<AcquireOptions, 'timeout'> = {}): Promise<Lease | null> {
    return this.tryEnter(1, options);
  }

  /** `acquire`, blocking this thread. Ctrl-C ends the process even then. For stores on disk only. */
  acquireSync(options: AcquireOptions = {}): Lease {
    return this.enterSync(1, options);
  }

  /** `tryAcquire`, at once. For stores on disk only. */
  tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> = {}): Lease | null {
    return this.tryEnterSync(1, options);
  }

  /**
   * Runs `work` under the lock, and releases after the promise it returns has settled, either way. If
   * the lease was lost meanwhile it rejects with `LeaseLostError`, unless `work` threw: then with that.
   */
  async withLock<T>(work: (lease: Lease) => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    return this.hold(await this.acquire(options), work);
  }

  /** @internal */
  [handed](): Recipe {
    return ['Lock', this.name, this.place];
  }
}
