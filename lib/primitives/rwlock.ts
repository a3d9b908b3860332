import { MisuseError } from '../errors.ts';
import { Acquirable, type AcquireOptions, type ResourceOptions } from './acquirable.ts';
import type { Lease } from './lease.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';

/** `exclusive`: nobody else. `shared`: any number of others who share, and nobody who does not. */
export type LockMode = 'exclusive' | 'shared';

export interface ModeOptions {
  /** Default: `exclusive`. */
  mode?: LockMode;
}

const CONFIG = { kind: 'lock', permits: 1 } as const;
/** What an entry asks for in each mode: the lock's one permit, or a tiny share of it. */
const ASK: Record<LockMode, number> = { exclusive: 1, shared: 0 };

/**
 * A lock that many readers share, or one writer has. First come, first served, strictly: a reader that comes
 * after a waiting writer waits behind it, so neither starves.
 *
 * It is the same lock as `Lock` of that name, and as `lockstep run NAME` with `-s` or `-x`: a `Lock` is the
 * exclusive mode alone. Shared does not become exclusive: who holds it shared and asks for it exclusively
 * waits for itself, and is told so (`DeadlockError`) where that is certain.
 *
 * ```ts
 * const index = new RWLock('index');
 * await index.withLock(readIt, { mode: 'shared' });
 * await index.withLock(rebuildIt, { mode: 'exclusive', timeout: 5_000 });
 * ```
 */
export class RWLock extends Acquirable implements Handed {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, CONFIG, options);
  }

  /**
   * Waits in line until the lock is ours in this mode.
   *
   * @throws {MisuseError} (rejects) for a mode that is none
   * @throws {LockTimeoutError} (rejects) after `timeout` ms. Nothing is left in line.
   * @throws the signal's reason (rejects) if it aborts. Nothing is left in line.
   * @throws {ConfigMismatchError} (rejects) if the name is not a lock's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async acquire(options: AcquireOptions & ModeOptions = {}): Promise<Lease> {
    return this.enter(askOf(options), options);
  }

  /** Takes the lock if it is free now in this mode, and nobody waits; else null. */
  async tryAcquire(options: Omit<AcquireOptions, 'timeout'> & ModeOptions = {}): Promise<Lease | null> {
    return this.tryEnter(askOf(options), options);
  }

  /** `acquire`, blocking this thread. Ctrl-C ends the process even then. For stores on disk only. */
  acquireSync(options: AcquireOptions & ModeOptions = {}): Lease {
    return this.enterSync(askOf(options), options);
  }

  /** `tryAcquire`, at once. For stores on disk only. */
  tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> & ModeOptions = {}): Lease | null {
    return this.tryEnterSync(askOf(options), options);
  }

  /**
   * Runs `work` under the lock, and releases after the promise it returns has settled, either way. If
   * the lease was lost meanwhile it rejects with `LeaseLostError`, unless `work` threw: then with that.
   */
  async withLock<T>(
    work: (lease: Lease) => T | PromiseLike<T>,
    options: AcquireOptions & ModeOptions = {},
  ): Promise<T> {
    return this.hold(await this.acquire(options), work);
  }

  /** @internal */
  [handed](): Recipe {
    return ['RWLock', this.name, this.place];
  }
}

function askOf({ mode = 'exclusive' }: ModeOptions): number {
  if (Object.hasOwn(ASK, mode)) return ASK[mode];
  throw new MisuseError(`mode must be 'exclusive' or 'shared', not ${JSON.stringify(mode)}`);
}
