import type { Store } from '../store/store.ts';
import type { SharedEntry } from './shared-entry.ts';

/** How often a holder that listens for its loss looks by itself. */
const WATCH_MS = 1_000;

/** Watches whether the entry of a lease is lost, until the lease is released. Keeps no process alive. */
export class LossWatch {
  readonly #store: Store;
  readonly #shared: SharedEntry;
  readonly #isReleased: () => boolean;
  readonly #loss = new AbortController();
  #isWatching = false;

  constructor(store: Store, shared: SharedEntry, isReleased: () => boolean) {
    this.#store = store;
    this.#shared = shared;
    this.#isReleased = isReleased;
    shared.whenResumed(() => void this.#watch());
    shared.foreign?.whenLost(() => this.#notify());
    void this.#watch();
  }

  /** Aborts with a `LeaseLostError`. */
  get signal(): AbortSignal {
    return this.#loss.signal;
  }

  async #watch(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    while (!this.#isReleased() && this.#shared.isHeld) {
      try {
        await this.#store.changed(this.#shared.current, { timeoutMs: WATCH_MS, keepAlive: false });
      } catch {
        // The store cannot be read just now. It is read again later.
        await new Promise<void>((resolve) => this.#store.clock.timer(WATCH_MS, false, resolve));
      }
    }
    this.#isWatching = false;
    this.#notify();
  }

  #notify(): void {
    const { lost } = this.#shared;
    if (lost && !this.#isReleased()) this.#loss.abort(lost);
  }
}
