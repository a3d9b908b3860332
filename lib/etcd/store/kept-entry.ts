import type { EntryState } from '../../store/store.ts';
import type { GuardedEntry } from './command-guard.ts';

/** The entry that a keeper process keeps, for the guard beside it. */
export class KeptEntry implements GuardedEntry {
  readonly lease: GuardedEntry['lease'];
  #state: EntryState = 'holding';
  readonly #listeners = new Set<() => void>();

  constructor(lease: GuardedEntry['lease']) {
    this.lease = lease;
  }

  get state(): EntryState {
    return this.#state;
  }

  get isInLine(): boolean {
    return this.#state === 'holding';
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `lost`: its owner must end; `left`: nothing is left to do. */
  become(state: 'lost' | 'left'): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}
