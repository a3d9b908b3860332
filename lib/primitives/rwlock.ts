import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { foreignLockOf } from '../foreign/lock-of.ts';
import { checkFunction } from '../options/option-names.ts';
import { Acquirable } from './acquirable.ts';
import { type AcquireNames, type AcquireOptions, acquireNames } from './acquire-options.ts';
import type { Lease } from './lease.ts';
import { LOCK_OPTIONS, type LockOptions } from './lock-options.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';

/** `exclusive`: one holder alone. `shared`: any number of holders that share, and no exclusive one. */
export type LockMode = 'exclusive' | 'shared';

/** Options of an `RWLock`'s `acquire`. */
export interface ModeOptions {
  /** How to hold the lock. Default: `exclusive`. */
  mode?: LockMode;
}

const CONFIG = { kind: 'lock', permits: 1 } as const;
/** How many permits an entry requests in each mode: 0 stands for a shared one. */
const ASK: Record<LockMode, number> = { exclusive: 1, shared: 0 };
const NAMES = acquireNames<ModeOptions>({ mode: true });

/**
 * An `RWLock` has many holders that share it, or one that has it exclusively. Requests are served strictly in order: a
 * reader that comes after a waiting writer waits behind it, so neither starves.
 *
 * Use it when reads may overlap, and a write must be alone.
 *
 * It is the same lock as a `Lock` of that name, which is the exclusive mode alone, and as `lockstep run NAME` with `-s`
 * or `-x`. A shared lease does not become exclusive: a holder in shared mode that requests the exclusive mode waits for
 * itself, and gets a `DeadlockError` where that is certain.
 *
 * @example
 * import { RWLock } from 'lockstep';
 * const index = new RWLock('index');
 * await index.withLock(() => console.log('read'), { mode: 'shared' }); // prints read
 * await index.withLock(() => console.log('rebuild'), { mode: 'exclusive', timeout: 5_000 }); // prints rebuild
 */
export class RWLock extends Acquirable implements Transferable {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: LockOptions = {}) {
    super(name, CONFIG, options, LOCK_OPTIONS, foreignLockOf(options?.alsoLock));
    if (this.foreign?.canShare === false)
      throw new MisuseError(`${name}: ${this.foreign.words} cannot be shared, and an RWLock can: use a Lock`);
  }

  /**
   * Waits in line until this caller holds the lock in this mode.
   *
   * @throws {MisuseError} (rejects) for an unknown mode
   * @throws {LockTimeoutError} (rejects) after `timeout` ms. No entry is left in line.
   * @throws the signal's reason (rejects) if it aborts. No entry is left in line.
   * @throws {DeadlockError} (rejects) if the wait provably cannot end, unless `detectDeadlock` is false
   * @throws {ConfigMismatchError} (rejects) if the name is not a lock's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async acquire(options: AcquireOptions & ModeOptions = {}): Promise<Lease> {
    return this.enter(options);
  }

  /** Acquires the lock if it is free now in this mode and has no waiters; resolves to null otherwise. @throws as `acquire` */
  async tryAcquire(options: Omit<AcquireOptions, 'timeout'> & ModeOptions = {}): Promise<Lease | null> {
    return this.tryEnter(options);
  }

  /** Blocks this thread until it has acquired, as `acquire` does. Ctrl-C still ends the process. For stores on disk only. */
  acquireSync(options: AcquireOptions & ModeOptions = {}): Lease {
    return this.enterSync(options);
  }

  /** Does what `tryAcquire` does, without a promise. For stores on disk only. */
  tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> & ModeOptions = {}): Lease | null {
    return this.tryEnterSync(options);
  }

  /**
   * Acquires, runs `work`, and releases once the promise that `work` returns has settled, either way.
   *
   * @throws as `acquire`, and what `work` throws
   * @throws {LeaseLostError} (rejects) if the lease was lost meanwhile, unless `work` itself threw
   */
  async withLock<T>(
    work: (lease: Lease) => T | PromiseLike<T>,
    options: AcquireOptions & ModeOptions = {},
  ): Promise<T> {
    checkFunction('withLock', work);
    return this.hold(await this.acquire(options), work);
  }

  /** @internal */
  [transfer](): Recipe {
    return ['RWLock', this.name, this.place, this.foreign?.also];
  }

  protected override get names(): AcquireNames {
    return NAMES;
  }

  protected override ask({ mode = 'exclusive' }: AcquireOptions & ModeOptions): number {
    if (Object.hasOwn(ASK, mode)) return ASK[mode];
    throw new MisuseError(`mode must be 'exclusive' or 'shared', not ${JSON.stringify(mode)}`);
  }
}

brand({ RWLock });
