import type { Action } from '../../line/action.ts';
import type { Config } from '../../line/config.ts';
import { sizeOf } from '../../line/item.ts';
import { REMEMBERED_PUTS } from '../../line/items.ts';
import type { Answer } from '../../line/outcome.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import type { RequestOp, TxnResponse } from '../client/txn-messages.ts';
import { isAbsent, isUnchanged } from './comparisons.ts';
import { sharedOut } from './ending.ts';
import type { EtcdLine } from './etcd-line.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { itemFromJson, itemToJson } from './item-text.ts';
import { timeOp } from './line-ledger.ts';
import type { LineState } from './line-state.ts';
import { forgetIds, isToSweep } from './old-ids.ts';
import { NO_ITEMS, refusalOf, withItem } from './queue-state.ts';
import { isEtcd, tooBusy } from './store-failure.ts';

type Put = Action & { do: 'put' };

/** How a change went. `found`: under the put's own id, or, of one without an id, under the number that the item was to have. */
interface Tried {
  readonly isDone: boolean;
  readonly line: EtcdLine;
  readonly found: KeyValue | null;
  /** Of a put without an id: no answer came, which says so. */
  readonly unsure?: unknown;
}

/**
 * Puts items into a queue: each is one transaction, which compares the state, and that its id is new. One with an id whose answer was lost is sent
 * again; of one without, the item itself shows whether it was put.
 */
export class Puts {
  readonly #resource: EtcdResource;
  readonly #config: Config;

  constructor(resource: EtcdResource, config: Config) {
    this.#resource = resource;
    this.#config = config;
  }

  async put(put: Put): Promise<Answer> {
    const { name, parts, ledger } = this.#resource;
    const request = parts.session.nextId();
    const size = sizeOf(put.text);
    let [line, isNew] = [await ledger.known(), false];
    let unsure: unknown = null;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const prepared = await this.#prepared(line);
      if (prepared !== line) [line, isNew] = [prepared, false];
      const { state, queue } = line;
      if (state === null) continue;
      const refusal = refusalOf(queue ?? NO_ITEMS, put.bound, size);
      // The line that was read together with the id counts; an older one may hide the id, or a place that is free by now.
      if (refusal && isNew) return refusal;
      const sequence = (queue ?? NO_ITEMS).sequence + 1;
      const tried = refusal
        ? await this.#look(put, sequence)
        : await this.#tried(put, { line, state, request, sequence });
      unsure ??= tried.unsure ?? null;
      const isOurs = put.id === null && tried.found !== null && itemFromJson(tried.found).request === request;
      if (tried.isDone || isOurs) {
        await this.#sweep(put, tried.line).catch(() => undefined);
        return { item: sequence, isRepeat: false };
      }
      if (unsure !== null && (tried.line.queue?.sequence ?? 0) >= sequence) {
        // An item of that number is finished already: nobody knows whose it was.
        if (tried.found === null) throw unsure;
        unsure = null;
      }
      if (put.id !== null && tried.found) return { item: Number(tried.found.value.toString()), isRepeat: true };
      [line, isNew] = [tried.line, true];
    }
    throw tooBusy(name, parts.place);
  }

  /** A line that was read earlier may be another kind's by now. */
  async #prepared(line: EtcdLine): Promise<EtcdLine> {
    try {
      return await this.#resource.made(await this.#resource.tend(line), this.#config);
    } catch {
      return this.#resource.made(await this.#resource.settled(), this.#config);
    }
  }

  async #tried(put: Put, at: { line: EtcdLine; state: LineState; request: string; sequence: number }): Promise<Tried> {
    const { keys, parts } = this.#resource;
    const { line, state, request, sequence } = at;
    const { id, text } = put;
    const queue = withItem(line.queue ?? NO_ITEMS, sizeOf(text), id !== null);
    const shared = sharedOut(keys, line, state, line.entries, queue);
    const known: RequestOp[] =
      id === null
        ? []
        : [
            { put: { key: keys.putId(id), value: String(sequence) } },
            { put: { key: keys.putAt(queue.ids), value: id } },
          ];
    const txn = {
      compare: [isUnchanged(keys, line), ...shared.compare, ...(id === null ? [] : [isAbsent(keys.putId(id))])],
      success: [
        ...shared.success,
        { put: { key: keys.item(sequence), value: itemToJson({ request, text }) } },
        ...known,
        timeOp(keys, this.#resource.now()),
        { range: keys.all },
      ],
      failure: this.#lookOf(put, sequence),
    };
    try {
      return this.#read(await parts.client.txn(txn, { isRepeatable: id !== null }));
    } catch (error) {
      if (id !== null || !isEtcd(error, 'UNSURE')) throw error;
      // If it was not done, it may still be on its way: the next one compares the same state, so only one of them is done.
      const looked = await this.#look(put, sequence).catch(() => Promise.reject(error));
      return { ...looked, unsure: error };
    }
  }

  async #look(put: Put, sequence: number): Promise<Tried> {
    const success = this.#lookOf(put, sequence);
    const answer = await this.#resource.parts.client.txn({ success }, { isRepeatable: true });
    return { ...this.#read(answer), isDone: false };
  }

  #lookOf({ id }: Put, sequence: number): RequestOp[] {
    const { keys } = this.#resource;
    return [{ range: { key: id === null ? keys.item(sequence) : keys.putId(id) } }, { range: keys.all }];
  }

  #read({ header, succeeded, responses }: TxnResponse): Tried {
    const ranges = responses.flatMap(({ range }) => (range === undefined ? [] : [range]));
    const read = ranges.at(-1);
    if (read === undefined) throw new RangeError('a transaction was answered without the line that it was to read');
    const [found = null] = ranges.length > 1 ? (ranges[0]?.kvs ?? []) : [];
    return { isDone: succeeded, line: this.#resource.ledger.accept(header.revision, read.kvs), found };
  }

  async #sweep({ id }: Put, line: EtcdLine): Promise<void> {
    const { keys, parts } = this.#resource;
    const { ids } = line.queue ?? NO_ITEMS;
    if (id === null || !isToSweep(ids, REMEMBERED_PUTS)) return;
    await forgetIds(parts.client, keys.putsUpTo(ids - REMEMBERED_PUTS), (one) => keys.putId(one));
  }
}
