import type { PutOptions, Records, SharedText } from '../../lib/store/records.ts';

/** The records of a store, in memory. */
export class MemoryRecords implements Records {
  readonly texts = new Map<string, SharedText>();
  /** The keys that were read, in order. */
  readonly reads: string[] = [];
  /** What every call rejects with. */
  failure: Error | null = null;
  #revision = 0;
  readonly #watches = new Set<{ key: string; onText: (text: SharedText) => void }>();

  async keys(prefix: string): Promise<string[]> {
    return (await this.#under(prefix)).map(({ key }) => key);
  }

  async all(prefix: string): Promise<SharedText[]> {
    return this.#under(prefix);
  }

  async read(keys: readonly string[]): Promise<SharedText[]> {
    this.#check();
    this.reads.push(...keys);
    return keys.flatMap((key) => this.texts.get(key) ?? []);
  }

  async put(key: string, text: string, { over }: PutOptions = {}): Promise<number | null> {
    this.#check();
    if (over !== undefined && over !== (this.texts.get(key)?.revision ?? 0)) return null;
    this.#revision += 1;
    const put = { key, text, revision: this.#revision };
    this.texts.set(key, put);
    for (const one of [...this.#watches]) if (one.key === key) one.onText(put);
    return this.#revision;
  }

  async past(): Promise<null> {
    return null;
  }

  async remove(keys: readonly string[]): Promise<void> {
    this.#check();
    for (const key of keys) this.texts.delete(key);
  }

  watch(key: string, onText: (text: SharedText) => void): () => void {
    const known = this.texts.get(key);
    if (known) onText(known);
    this.#watches.add({ key, onText });
    return () => {
      for (const one of this.#watches) if (one.onText === onText) this.#watches.delete(one);
    };
  }

  async #under(prefix: string): Promise<SharedText[]> {
    this.#check();
    const found = [...this.texts.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #check(): void {
    if (this.failure) throw this.failure;
  }
}
