import type { EtcdLine } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import type { OwnEntries } from './own-entries.ts';

/** A key for an entry that is about to join, until it is in line or was refused. */
export interface Slot {
  readonly key: string;
  free(): void;
}

/** The keys that this session uses for its entries in one name's line. */
export class Slots {
  readonly #keys: NameKeys;
  readonly #own: OwnEntries;
  readonly #taken = new Set<string>();

  constructor(keys: NameKeys, own: OwnEntries) {
    this.#keys = keys;
    this.#own = own;
  }

  /** The first that is free. If another session has it, the request is not done, and the line that is read then shows that. */
  take(lease: bigint, line: EtcdLine | null): Slot {
    for (let number = 0; ; number++) {
      const key = this.#keys.entry(lease, number);
      if (this.#taken.has(key) || this.#own.hasKey(key) || line?.has(key)) continue;
      this.#taken.add(key);
      return { key, free: () => this.#taken.delete(key) };
    }
  }
}
