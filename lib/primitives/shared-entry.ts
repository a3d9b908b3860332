import { LeaseLostError, MisuseError } from '../errors.ts';
import type { ForeignHold } from '../foreign/foreign-lock.ts';
import type { OwnEntry, Store } from '../store/store.ts';

/**
 * An entry that leaves the line with the last of the leases that share it. A `Condition` pauses it while it waits: the lock
 * is given back and taken again, and all its leases continue with the new entry.
 */
export class SharedEntry {
  /** How many leases share it. */
  leases = 1;
  /** The lock of other programs that is held along with it. */
  readonly foreign: ForeignHold | null;
  #current: OwnEntry;
  #pause: AbortController | null = null;
  #listeners: Array<() => void> | null = null;

  constructor(entry: OwnEntry, foreign: ForeignHold | null = null) {
    this.#current = entry;
    this.foreign = foreign;
  }

  get current(): OwnEntry {
    return this.#current;
  }

  get isHeld(): boolean {
    return this.isInLine && !this.foreign?.lost;
  }

  /** Whether the entry holds in its line, also if the lock of other programs is lost. */
  get isInLine(): boolean {
    return this.#pause === null && this.#current.state === 'holding';
  }

  /** Whether it will never be held again. */
  get isOver(): boolean {
    return this.#pause === null && !this.isHeld;
  }

  /** Why it was lost; null unless it was. */
  get lost(): LeaseLostError | null {
    const { name, token, state, eviction } = this.#current;
    if (state !== 'lost') return this.foreign?.lost ? new LeaseLostError(name, token, this.foreign.lost) : null;
    const { reason, by } = eviction ?? { reason: 'evicted', by: 'unknown' };
    return new LeaseLostError(name, token, by === 'unknown' ? reason : `${reason} (by ${by})`);
  }

  /** @throws {LeaseLostError} */
  throwIfLost(): void {
    const { lost } = this;
    if (lost) throw lost;
  }

  /**
   * Gives the lock of other programs back. If that fails, all is still held; but at the end of a block (`isFinal`), where nobody could
   * try again, the failure is returned, and the rest goes on.
   *
   * @throws {StoreError}
   */
  endForeign(isFinal: boolean): { error: unknown } | null {
    if (isFinal) return this.foreign?.abandon() ?? null;
    this.foreign?.release();
    return null;
  }

  /** Begins a pause: from now on no lease of it is held. Returns a signal that aborts once all of them are released. */
  pause(): AbortSignal {
    this.#pause = new AbortController();
    return this.#pause.signal;
  }

  /** One lease less. */
  release(): void {
    this.leases -= 1;
    if (this.leases > 0) return;
    this.#pause?.abort(
      new MisuseError(`${this.#current.name}: its lease was released during a wait() that needs it back`),
    );
  }

  /** Continues with another entry in the same line, which holds. @throws the signal's reason */
  resume(entry: OwnEntry): void {
    this.#pause?.signal.throwIfAborted();
    this.#current = entry;
    this.endPause();
  }

  /** Calls back after each pause. */
  whenResumed(callback: () => void): void {
    this.#listeners ??= [];
    this.#listeners.push(callback);
  }

  /** Ends a pause, whether or not it is held again. */
  endPause(): void {
    this.#pause = null;
    for (const listener of this.#listeners ?? []) listener();
  }
}

/** A lease's entry while it is paused. */
export interface Pause {
  shared: SharedEntry;
  /** Where its entry is. */
  store: Store;
  /** Aborts when no lease of the entry is left that would continue. */
  signal: AbortSignal;
}
