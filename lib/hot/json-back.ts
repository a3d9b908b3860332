import fs from 'node:fs';
import { MisuseError, StoreError } from '../errors.ts';
import { fileErrorOf } from '../file/file-error.ts';
import { isErrno } from '../host/errno.ts';
import { checkMs, OptionNames } from '../options/option-names.ts';
import { JsonFile } from '../primitives/json-file.ts';
import type { Back, BackState, Batch, CallOptions } from './back.ts';
import { NOTHING_WRITTEN, planOf, stateAfter } from './back-rules.ts';
import { CALL_MS } from './bounded.ts';
import type { KnownSale, LoggedSale } from './hot-side.ts';

/** Limits of the file. */
export interface JsonBackOptions {
  /** The most bytes that it may have. Default: 8 MiB, some 100,000 orders. */
  maxBytes?: number;
}

interface Written extends BackState {
  orders: Record<string, Omit<LoggedSale, 'id'>>;
}

type Contents = Record<string, Written>;

const OPTIONS = new OptionNames<JsonBackOptions>('jsonBack(file, …)', { maxBytes: true }, { number: 'maxBytes' });
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Opens a JSON file as the database of hot counts: an object by name, each with its count and its orders by their ids. It is made at the
 * first write, and replaced as a whole under its lock (`JsonFile`), so a crash leaves the old file or the new one.
 *
 * Use it for a small sale that people or other programs look at. Each transaction writes the whole file: past its limit it is
 * refused (`STORE_FULL`), and `sqliteBack` does better long before.
 *
 * @throws {MisuseError} for a path that is empty
 *
 * @example
 * import { jsonBack } from 'lockstep/hot';
 * const back = jsonBack('shop.json');
 * console.log(await back.read('show-7')); // prints null
 */
export function jsonBack(file: string, options: JsonBackOptions = {}): Back {
  OPTIONS.check(options);
  checkMs('maxBytes', options.maxBytes);
  if (/^[a-z]+:\/\//i.test(file)) throw new MisuseError('jsonBack takes the path of a file, and no URL');
  return new JsonBack(new JsonFile<Contents>(file), options.maxBytes ?? MAX_BYTES);
}

class JsonBack implements Back {
  readonly #file: JsonFile<Contents>;
  readonly #maxBytes: number;

  constructor(file: JsonFile<Contents>, maxBytes: number) {
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  get place(): string {
    return this.#file.path;
  }

  async read(name: string, { signal }: CallOptions = {}): Promise<BackState | null> {
    signal?.throwIfAborted();
    const { orders: _, ...state } = (await this.#written(name)) ?? { orders: {} };
    return 'count' in state ? state : null;
  }

  async write(batch: Batch, { timeout = CALL_MS, signal }: CallOptions = {}): Promise<BackState> {
    this.#make();
    let state = NOTHING_WRITTEN;
    const change = (contents: Contents) => {
      const before = Object.hasOwn(contents, batch.name) ? contents[batch.name] : undefined;
      const orders = new Map(Object.entries(before?.orders ?? {}));
      const plan = planOf(batch, before ?? NOTHING_WRITTEN, this.place);
      const inserted = plan.sales.filter(({ id, ...order }) => !orders.has(id) && orders.set(id, order));
      state = stateAfter(batch, before ?? NOTHING_WRITTEN, plan, inserted);
      const written = { ...state, orders: Object.fromEntries(orders) };
      Object.defineProperty(contents, batch.name, {
        value: written,
        enumerable: true,
        writable: true,
        configurable: true,
      });
      this.#checkSize(contents);
    };
    await this.#file.update(change, { timeout, label: 'writes back', ...(signal === undefined ? {} : { signal }) });
    return state;
  }

  async orders(name: string, limit: number, { signal }: CallOptions = {}): Promise<KnownSale[]> {
    signal?.throwIfAborted();
    const all = Object.entries((await this.#written(name))?.orders ?? {});
    return all
      .map(([id, { n, sequence, left }]) => ({ id, n, sequence, left }))
      .sort((a, b) => b.sequence - a.sequence)
      .slice(0, limit);
  }

  async close(): Promise<void> {
    // Nothing stays open between two calls.
  }

  async #written(name: string): Promise<Written | null> {
    try {
      const contents = await this.#file.read();
      return Object.hasOwn(contents, name) ? (contents[name] ?? null) : null;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'FILE_MISSING') return null;
      throw error;
    }
  }

  /** Two writers may both make it. */
  #make(): void {
    try {
      fs.writeFileSync(this.place, '{}\n', { flag: 'wx' });
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw fileErrorOf(error, { operation: 'write', path: this.place });
    }
  }

  #checkSize(contents: Contents): void {
    const bytes = Buffer.byteLength(JSON.stringify(contents));
    if (bytes <= this.#maxBytes) return;
    throw new StoreError(
      'STORE_FULL',
      `${this.place}: with these orders it would have ${bytes} bytes, and may have ${this.#maxBytes}. Nothing was written. Write back to SQLite instead, or move sales that are over into another file.`,
      { operation: 'write back', path: this.place },
    );
  }
}
