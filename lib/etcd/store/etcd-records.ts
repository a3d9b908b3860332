import type { Past } from '../../store/past.ts';
import type { PutOptions, Records, SharedText } from '../../store/records.ts';
import type { Clock } from '../../time/clock.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import { type KeyValue, prefixEnd } from '../client/kv-messages.ts';
import { RecordWatch } from './record-watch.ts';
import { type Guard, guardOf } from './store-failure.ts';

/** How many texts are read in a transaction: each may have a megabyte, and an answer sixteen. */
const MOST_READ = 12;
/** A server takes 128 operations in a transaction. */
const MOST_REMOVED = 100;

export interface EtcdRecordsOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly prefix: string;
  readonly place: string;
  readonly pastOf: Records['past'];
}

/** The texts of a store on etcd, under `<prefix>/.`: no encoded name begins with a dot, so no key of a line is among them. */
export class EtcdRecords implements Records {
  readonly #client: EtcdClient;
  readonly #root: string;
  readonly #guard: Guard;
  readonly #pastOf: Records['past'];
  readonly #clock: Clock;

  constructor({ client, clock, prefix, place, pastOf }: EtcdRecordsOptions) {
    this.#pastOf = pastOf;
    this.#client = client;
    this.#clock = clock;
    this.#root = `${prefix}/.`;
    this.#guard = guardOf(place);
  }

  keys(prefix: string): Promise<string[]> {
    return this.#guard('look at the records', undefined, async () => {
      const { kvs } = await this.#client.range({ ...this.#range(prefix), keysOnly: true });
      return kvs.map((kv) => this.#keyOf(kv));
    });
  }

  all(prefix: string): Promise<SharedText[]> {
    return this.#guard('read the records', undefined, async () => {
      const { kvs } = await this.#client.range(this.#range(prefix));
      return kvs.map((kv) => this.#textOf(kv));
    });
  }

  read(keys: readonly string[]): Promise<SharedText[]> {
    return this.#guard('read the records', undefined, async () => {
      const texts: SharedText[] = [];
      for (let from = 0; from < keys.length; from += MOST_READ) {
        const success = keys.slice(from, from + MOST_READ).map((key) => ({ range: { key: this.#root + key } }));
        const { responses } = await this.#client.txn({ success }, { isRepeatable: true });
        texts.push(...responses.flatMap(({ range }) => (range?.kvs ?? []).map((kv) => this.#textOf(kv))));
      }
      return texts;
    });
  }

  put(key: string, text: string, { over, ...options }: PutOptions = {}): Promise<number | null> {
    return this.#guard('put a record', undefined, async () => {
      const put = { key: this.#root + key, value: text };
      if (over === undefined) return (await this.#client.put(put, { ...options, isRepeatable: true })).header.revision;
      const compare = [{ key: put.key, result: 'equal', target: 'mod', modRevision: over } as const];
      const { succeeded, header } = await this.#client.txn({ compare, success: [{ put }] }, options);
      return succeeded ? header.revision : null;
    });
  }

  past(name: string): Promise<Past | null> {
    return this.#guard('read the past', undefined, () => this.#pastOf(name));
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#guard('remove records', undefined, async () => {
      for (let from = 0; from < keys.length; from += MOST_REMOVED) {
        const removed = keys.slice(from, from + MOST_REMOVED);
        const success = removed.map((key) => ({ deleteRange: { key: this.#root + key } }));
        await this.#client.txn({ success }, { isRepeatable: true });
      }
    });
  }

  watch(key: string, onText: (text: SharedText) => void): () => void {
    const watch = new RecordWatch(this.#client, this.#clock, this.#root + key, (kv) => onText(this.#textOf(kv)));
    return () => watch.stop();
  }

  #range(prefix: string) {
    const key = this.#root + prefix;
    return { key, rangeEnd: prefixEnd(key) };
  }

  #keyOf({ key }: KeyValue): string {
    return key.toString().slice(this.#root.length);
  }

  #textOf(kv: KeyValue): SharedText {
    return { key: this.#keyOf(kv), text: kv.value.toString(), revision: kv.modRevision };
  }
}
