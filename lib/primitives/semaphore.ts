import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { MAX_PERMITS } from '../line/config.ts';
import { checkFunction, checkSwitch, OptionNames } from '../options/option-names.ts';
import { Acquirable, type ResourceOptions } from './acquirable.ts';
import { type AcquireNames, type AcquireOptions, acquireNames } from './acquire-options.ts';
import type { Lease } from './lease.ts';
import type { LeaseTraits } from './lease-traits.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';

/** Options of a `Semaphore`'s `acquire`. */
export interface PermitOptions {
  /** How many permits to acquire, all at once. Default: 1. */
  permits?: number;
}

/** Options of a `Semaphore`. */
export interface SemaphoreOptions extends ResourceOptions {
  /**
   * Whether a semaphore of this name that has another number of permits is made anew with this one, if nobody holds it or
   * waits for it. Default: false. If somebody does, the error is the same as without.
   */
  resize?: boolean;
}

const NAMES = acquireNames<PermitOptions>({ permits: true });
const OPTIONS = new OptionNames<SemaphoreOptions>(
  'new CLASS(name, permits, …)',
  { store: true, resize: true },
  { string: 'store' },
);

/**
 * A `Semaphore` shares a number of permits among processes. Requests are served strictly in order: a small later
 * request does not overtake a large earlier one.
 *
 * Use it to bound how many processes do something at the same time.
 *
 * @example
 * import { Semaphore } from 'lockstep';
 * const room = new Semaphore('ktv', 4);
 * await room.withPermits(async () => {
 *   console.log('at most four are here'); // prints at most four are here
 * });
 */
export class Semaphore extends Acquirable implements Transferable {
  /** How many permits the semaphore has. */
  readonly permits: number;

  /**
   * @param permits how many permits there are: the same number in every process that opens the name. To change it, open the
   * name with `resize: true` while nobody uses it.
   * @throws {MisuseError} for a name as of `Lock`, or unless `permits` is a whole number from 1 up
   */
  constructor(name: string, permits: number, options: SemaphoreOptions = {}) {
    checkPermits(permits, MAX_PERMITS, 'a semaphore');
    OPTIONS.check(options, new.target.name);
    checkSwitch('resize', options.resize);
    super(name, { kind: 'semaphore', permits, resize: options.resize === true }, options, OPTIONS);
    this.permits = permits;
  }

  /**
   * Waits in line until this caller holds `permits` of them, all at once.
   *
   * @throws {MisuseError} (rejects) for more permits than the semaphore has
   * @throws {LockTimeoutError} (rejects) after `timeout` ms. No entry is left in line.
   * @throws the signal's reason (rejects) if it aborts. No entry is left in line.
   * @throws {DeadlockError} (rejects) if the wait provably cannot end, unless `detectDeadlock` is false
   * @throws {ConfigMismatchError} (rejects) if the name is of another kind, or of another number of permits and not
   * resized
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  acquire(options: AcquireOptions & PermitOptions = {}): Promise<Lease> {
    return this.enter(options);
  }

  /** Acquires the permits if they are free now and there are no waiters; resolves to null otherwise. @throws as `acquire` */
  tryAcquire(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Promise<Lease | null> {
    return this.tryEnter(options);
  }

  /** Blocks this thread until it has acquired, as `acquire` does. Ctrl-C still ends the process. For stores on disk only. */
  acquireSync(options: AcquireOptions & PermitOptions = {}): Lease {
    return this.enterSync(options);
  }

  /** Does what `tryAcquire` does, without a promise. For stores on disk only. */
  tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Lease | null {
    return this.tryEnterSync(options);
  }

  /**
   * Acquires, runs `work`, and releases once the promise that `work` returns has settled, either way.
   *
   * @throws as `acquire`, and what `work` throws
   * @throws {LeaseLostError} (rejects) if the lease was lost meanwhile, unless `work` itself threw
   */
  async withPermits<T>(
    work: (lease: Lease) => T | PromiseLike<T>,
    options: AcquireOptions & PermitOptions = {},
  ): Promise<T> {
    checkFunction('withPermits', work);
    return this.hold(await this.acquire(options), work);
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Semaphore', this.name, this.permits, this.place];
  }

  protected override get names(): AcquireNames {
    return NAMES;
  }

  protected override ask({ permits = 1 }: AcquireOptions & PermitOptions): number {
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
 * A `BoundedSemaphore` treats a second `release` of a lease as an error: it rejects with a `MisuseError`, where that of
 * a `Semaphore` does nothing. Either way there are never more permits than at first. It is the same semaphore as a
 * `Semaphore` of that name.
 *
 * Use it when a double release is a bug that you want to see.
 *
 * @example
 * import { BoundedSemaphore } from 'lockstep';
 * const lease = await new BoundedSemaphore('ktv', 4).acquire();
 * await lease.release();
 * await lease.release().catch(({ code }) => console.log(code)); // prints MISUSE
 */
export class BoundedSemaphore extends Semaphore {
  /** @internal */
  override [transfer](): Recipe {
    return ['BoundedSemaphore', this.name, this.permits, this.place];
  }

  protected override get traits(): LeaseTraits {
    return TRAITS;
  }
}

brand({ Semaphore, BoundedSemaphore });
