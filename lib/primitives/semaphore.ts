import { MisuseError } from '../errors.ts';
import { MAX_PERMITS } from '../line/config.ts';
import { Acquirable, type AcquireOptions, type ResourceOptions } from './acquirable.ts';
import type { Lease } from './lease.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';

export interface PermitOptions {
  /** How many permits to take at once. Default 1. */
  permits?: number;
}

/**
 * A number of permits that processes share. First come, first served, strictly: a small later request
 * does not overtake a large earlier one.
 *
 * ```ts
 * const room = new Semaphore('ktv', 4);
 * await room.withPermits(async () => {
 *   // at most four at a time are here
 * });
 * ```
 */
export class Semaphore extends Acquirable implements Handed {
  readonly permits: number;

  /**
   * @param permits how many there are. Everybody who opens the name must say the same.
   * @throws {MisuseError} for a bad name, or permits that are no whole number from 1 up
   */
  constructor(name: string, permits: number, options: ResourceOptions = {}) {
    checkPermits(permits, MAX_PERMITS, 'a semaphore');
    super(name, { kind: 'semaphore', permits }, options);
    this.permits = permits;
  }

  /**
   * Waits in line until `permits` of them are ours, all at once.
   *
   * @throws {MisuseError} for more permits than there are
   * @throws {LockTimeoutError} (rejects) after `timeout` ms. Nothing is left in line.
   * @throws the signal's reason (rejects) if it aborts. Nothing is left in line.
   * @throws {ConfigMismatchError} (rejects) if the name is another kind's, or has other permits
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  acquire(options: AcquireOptions & PermitOptions = {}): Promise<Lease> {
    return this.enter(this.ask(options), options);
  }

  /** Takes the permits if they are free now and nobody waits; else null. */
  tryAcquire(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Promise<Lease | null> {
    return this.tryEnter(this.ask(options), options);
  }

  /** `acquire`, blocking this thread. Ctrl-C ends the process even then. For stores on disk only. */
  acquireSync(options: AcquireOptions & PermitOptions = {}): Lease {
    return this.enterSync(this.ask(options), options);
  }

  /** `tryAcquire`, at once. For stores on disk only. */
  tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Lease | null {
    return this.tryEnterSync(this.ask(options), options);
  }

  /**
   * Runs `work` with the permits, and gives them back after the promise it returns has settled, either
   * way. If the lease was lost meanwhile it rejects with `LeaseLostError`, unless `work` threw: then with that.
   */
  async withPermits<T>(
    work: (lease: Lease) => T | PromiseLike<T>,
    options: AcquireOptions & PermitOptions = {},
  ): Promise<T> {
    return this.hold(await this.acquire(options), work);
  }

  /** @internal */
  [handed](): Recipe {
    return ['Semaphore', this.name, this.permits, this.place];
  }

  /** @throws {MisuseError} */
  protected ask({ permits = 1 }: PermitOptions): number {
    checkPermits(permits, this.permits, `${this.name}, which has ${this.permits},`);
    return permits;
  }
}

function checkPermits(permits: number, most: number, whose: string): void {
  if (Number.isSafeInteger(permits) && permits >= 1 && permits <= most) return;
  throw new MisuseError(`permits of ${whose} must be a whole number from 1 to ${most}, not ${String(permits)}`);
}

const TRAITS = { strict: true } as const;

/**
 * A semaphore of which a release too many is an error: `release` of a lease that was released before rejects with a
 * `MisuseError`, where a `Semaphore`'s does nothing. Either way there are never more permits than at first. It is the
 * same semaphore as `Semaphore` of that name.
 *
 * ```ts
 * const lease = await new BoundedSemaphore('ktv', 4).acquire();
 * await lease.release();
 * await lease.release(); // MisuseError
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  override async acquire(options: AcquireOptions & PermitOptions = {}): Promise<Lease> {
    return this.enter(this.ask(options), options, TRAITS);
  }

  override async tryAcquire(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Promise<Lease | null> {
    return this.tryEnter(this.ask(options), options, TRAITS);
  }

  override acquireSync(options: AcquireOptions & PermitOptions = {}): Lease {
    return this.enterSync(this.ask(options), options, TRAITS);
  }

  override tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Lease | null {
    return this.tryEnterSync(this.ask(options), options, TRAITS);
  }

  /** @internal */
  override [handed](): Recipe {
    return ['BoundedSemaphore', this.name, this.permits, this.place];
  }
}
