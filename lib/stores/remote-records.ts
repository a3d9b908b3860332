import type { Past } from '../store/past.ts';
import type { PutOptions, Records, SharedText } from '../store/records.ts';

/** The records of a store on servers, whose code is loaded at their first use. */
export class RemoteRecords implements Records {
  readonly #load: () => Promise<Records>;

  constructor(load: () => Promise<Records>) {
    this.#load = load;
  }

  async keys(prefix: string): Promise<string[]> {
    return (await this.#load()).keys(prefix);
  }

  async all(prefix: string): Promise<SharedText[]> {
    return (await this.#load()).all(prefix);
  }

  async read(keys: readonly string[]): Promise<SharedText[]> {
    return (await this.#load()).read(keys);
  }

  async put(key: string, text: string, options?: PutOptions): Promise<number | null> {
    return (await this.#load()).put(key, text, options);
  }

  async past(name: string): Promise<Past | null> {
    return (await this.#load()).past(name);
  }

  async remove(keys: readonly string[]): Promise<void> {
    await (await this.#load()).remove(keys);
  }

  /** Where the code cannot be loaded no call of the store succeeds. */
  watch(key: string, onText: (text: SharedText) => void): () => void {
    let isOver = false;
    let cancel = (): void => undefined;
    this.#load().then(
      (records) => {
        if (!isOver) cancel = records.watch(key, onText);
      },
      () => undefined,
    );
    return () => {
      isOver = true;
      cancel();
    };
  }
}
