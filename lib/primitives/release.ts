import { MisuseError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { SharedEntry } from './shared-entry.ts';
import { syncOf } from './sync-store.ts';

/** The release of one lease: it is done once, and its entry leaves the line with the last of the leases that share it. */
export class Release {
  readonly #store: Store;
  readonly #shared: SharedEntry;
  /** Whether a second one is an error. */
  readonly #isStrict: boolean;
  #isDone = false;
  #pending: Promise<void> | null = null;

  constructor(store: Store, shared: SharedEntry, isStrict: boolean) {
    this.#store = store;
    this.#shared = shared;
    this.#isStrict = isStrict;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The one that is under way. */
  get pending(): Promise<void> | null {
    return this.#pending;
  }

  /** Whether it is done, or under way. */
  get hasBegun(): boolean {
    return this.#isDone || this.#pending !== null;
  }

  /** @throws {LeaseLostError} (rejects) if the lease was lost before; as `Lease.release` */
  async by(how: 'leave' | 'abandon' | 'done'): Promise<void> {
    this.#check();
    const pending = this.#pending ?? (this.#isLast ? this.#leave(how) : undefined);
    if (pending) {
      // Until it is over, a second call joins it, or is the misuse that it would be afterwards.
      this.#pending = pending;
      try {
        await pending;
      } finally {
        this.#pending = null;
      }
    }
    this.#note();
    this.#shared.throwIfLost();
  }

  /** The same without a promise. For stores on disk only. */
  bySync(how: 'leave' | 'abandon'): void {
    const sync = syncOf(this.#store, this.#shared.current.name, how === 'leave' ? 'releaseSync' : 'using');
    this.#check();
    if (this.#isLast) {
      const failure = this.#shared.endForeign(how === 'abandon');
      if (this.#shared.isInLine) sync[how](this.#shared.current);
      if (failure) throw failure.error;
    }
    this.#note();
    this.#shared.throwIfLost();
  }

  /** Gives back the lock of other programs first, as it was acquired last. */
  #leave(how: 'leave' | 'abandon' | 'done'): void | Promise<void> {
    const failure = this.#shared.endForeign(how === 'abandon');
    const left = this.#shared.isInLine ? this.#store[how](this.#shared.current) : undefined;
    return failure ? Promise.resolve(left).then(() => Promise.reject(failure.error)) : left;
  }

  get #isLast(): boolean {
    return !this.hasBegun && this.#shared.leases === 1;
  }

  #check(): void {
    if (!this.#isStrict || !this.hasBegun) return;
    const { name, token } = this.#shared.current;
    throw new MisuseError(`${name}: released twice: this lease, token ${token}, was already released`);
  }

  /** Called once the release is written: one that failed may be tried again. */
  #note(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#shared.release();
  }
}
