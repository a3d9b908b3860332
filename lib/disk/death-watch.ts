import type { Owner } from '../session/facts.ts';
import type { Judge } from '../session/liveness.ts';

/** The processes whose death would let one waiter move up, and that the kernel reports to us. */
export class DeathWatch {
  readonly #judge: Judge;
  readonly #onDeath: () => void;
  /** The functions that end the watches, by the owner's key. */
  readonly #watched = new Map<string, () => void>();

  /** `onDeath`: called when one of them may have died. */
  constructor(judge: Judge, onDeath: () => void) {
    this.#judge = judge;
    this.#onDeath = onDeath;
  }

  /** Watches these, and no others any more. True if each of them can be watched. */
  watchOnly(owners: readonly Owner[]): boolean {
    const keys = new Set(owners.map(({ key }) => key));
    for (const key of [...this.#watched.keys()]) if (!keys.has(key)) this.#end(key);
    for (const owner of owners) {
      if (!this.#watched.has(owner.key) && !this.#begin(owner)) return false;
    }
    return true;
  }

  end(): void {
    for (const key of [...this.#watched.keys()]) this.#end(key);
  }

  #begin(owner: Owner): boolean {
    const stop = this.#judge.watch(owner, () => {
      this.#watched.delete(owner.key);
      this.#onDeath();
    });
    if (stop) this.#watched.set(owner.key, stop);
    return stop !== null;
  }

  #end(key: string): void {
    this.#watched.get(key)?.();
    this.#watched.delete(key);
  }
}
