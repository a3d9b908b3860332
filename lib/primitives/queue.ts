import { brand } from '../copies.ts';
import { MisuseError, StoreError } from '../errors.ts';
import type { Item } from '../line/item.ts';
import { MAX_ITEMS } from '../line/items.ts';
import { type Answer, isPut } from '../line/outcome.ts';
import { checkFunction } from '../options/option-names.ts';
import type { LineView, OwnEntry, Store } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';
import { labelOf } from './acquire-options.ts';
import { checkTakeId } from './counted.ts';
import { itemText } from './item-text.ts';
import { Lease } from './lease.ts';
import { QueueItem } from './queue-item.ts';
import {
  GET,
  type GetOptions,
  JOIN,
  PUT,
  type PutOptions,
  QUEUE,
  type QueueOptions,
  type QueueRunOptions,
  type QueueStatus,
  RUN,
} from './queue-options.ts';
import { QueueRun } from './queue-run.ts';
import { Resource } from './resource.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import { abandonQuietly, checkWait, evictedError, untilHolding, type WaitOptions } from './waiting.ts';

export type { GetOptions, PutOptions, QueueOptions, QueueRunOptions, QueueStatus } from './queue-options.ts';

const CONFIG = { kind: 'queue', permits: 1 } as const;

/**
 * A `Queue` passes items from the processes that put them to the processes that get them: each item to one, the oldest first. It is durable:
 * what was put stays until it is done, whatever process dies, and across restarts of the machine.
 *
 * Use it to share out work among processes, and to hand work to processes that run later.
 *
 * An item is JSON: `null`, numbers, strings, booleans, arrays and plain objects. A value that would arrive as something else is refused. It
 * may take 60 KiB in the journal (its JSON, as a JSON string); all items of a queue together 16 MiB, and there may be 65,536 of them.
 *
 * *Crash:* each operation is one record, or one transaction of the servers, so a crash leaves all of it or nothing. An item whose taker
 * dies goes to the next one that gets, before all others; on servers, if its machine has disappeared, after the store's `ttl`. It is given to one process at a time, and done at least once: see `QueueItem`.
 *
 * @example
 * import { Queue } from 'lockstep';
 * const letters = new Queue<{ to: string }>('letters');
 * await letters.put({ to: 'Ada' }); // in one process
 * const item = await letters.get(); // in another one
 * console.log(item.value.to); // prints Ada
 * await item.done();
 * await letters.join(); // everything is done
 */
export class Queue<T = unknown> extends Resource implements Transferable {
  /** How many items may be queued before `put` waits. */
  readonly maxSize: number;

  /** @throws {MisuseError} for a name as of `Lock`, or unless `maxSize` is a whole number from 1 to 65,536 */
  constructor(name: string, options: QueueOptions = {}) {
    super(name, CONFIG, options, QUEUE);
    const { maxSize = MAX_ITEMS } = options;
    if (!Number.isSafeInteger(maxSize) || maxSize < 1 || maxSize > MAX_ITEMS)
      throw new MisuseError(`maxSize must be a whole number from 1 to ${MAX_ITEMS}, not ${String(maxSize)}`);
    this.maxSize = maxSize;
  }

  /**
   * Puts an item at the end, and resolves to its number: 1, 2, 3, … of the items of this queue. While `maxSize` items are queued it waits. Several that
   * wait put in any order. Resolves to null, and puts nothing, after `timeout` ms (default: no limit).
   *
   * @throws the signal's reason (rejects) if it aborts. Nothing is put then.
   * @throws {MisuseError} (rejects) for an item that is not JSON, or too large
   * @throws {ConfigMismatchError} (rejects) if the name is not a queue's
   * @throws {StoreError} (rejects) `QUEUE_FULL` if it has 65,536 unfinished items, or 16 MiB of them; or if the store cannot be trusted, read or
   *   written. After `STORE_UNSURE` (on files) or `UNSURE` (on servers) it may have been put: only with an id can it be repeated.
   */
  put(item: T, options?: PutOptions & { timeout?: undefined }): Promise<number>;
  put(item: T, options: PutOptions): Promise<number | null>;
  async put(item: T, options: PutOptions = {}): Promise<number | null> {
    PUT.check(options);
    checkWait(options);
    const { id, timeout = Number.POSITIVE_INFINITY, signal } = options;
    if (id !== undefined) checkTakeId(id);
    const text = itemText(item, this.name);
    const { store } = this;
    const restMs = countdown(store.clock, timeout);
    for (;;) {
      signal?.throwIfAborted();
      const answer = await this.#putOnce(store, text, id ?? null);
      if (isPut(answer)) return answer.item;
      if (answer === 'queue exhausted') throw exhausted(this.name, store.place);
      const hasRoom = await this.#until(store, ({ value }) => value < this.maxSize, restMs, signal);
      if (!hasRoom) return null;
    }
  }

  /** Puts an item if fewer than `maxSize` are queued; resolves to null otherwise. @throws as `put` */
  tryPut(item: T, options: Omit<PutOptions, 'timeout'> = {}): Promise<number | null> {
    return this.put(item, { ...options, timeout: 0 });
  }

  /**
   * Takes the oldest item; while there is none, waits in line. Resolves to null after `timeout` ms (default: no limit). Nothing of the wait is left
   * in line then.
   *
   * @throws the signal's reason (rejects) if it aborts. Nothing is taken then.
   * @throws {ConfigMismatchError} (rejects) if the name is not a queue's
   * @throws {StoreError} (rejects) with `EVICTED` if the waiter's entry was evicted; or if the store cannot be trusted, read or written
   */
  get(options?: GetOptions & { timeout?: undefined }): Promise<QueueItem<T>>;
  get(options: GetOptions): Promise<QueueItem<T> | null>;
  async get(options: GetOptions = {}): Promise<QueueItem<T> | null> {
    GET.check(options);
    checkWait(options);
    options.signal?.throwIfAborted();
    const { store } = this;
    const request = { ask: 1, label: labelOf(options), onlyIfGranted: options.timeout === 0 };
    const entry = await store.join(this.name, CONFIG, request);
    if (entry.state === 'refused') return null;
    const isTaken = entry.state === 'holding' || (await untilHolding(store, entry, options));
    return isTaken ? this.#taken(store, entry) : null;
  }

  /** Takes the oldest item if there is one and nobody waits; resolves to null otherwise. @throws as `get` */
  tryGet(options: Omit<GetOptions, 'timeout'> = {}): Promise<QueueItem<T> | null> {
    return this.get({ ...options, timeout: 0 });
  }

  /**
   * Gets one item after the other, calls `handler` with each, and marks it done when the promise that `handler` returns resolves. If it rejects, the item
   * is given back, no further one is taken, and `run` rejects with that error once the other handlers are through.
   *
   * Resolves only when `signal` aborts: after the handlers that run then.
   *
   * @throws what `handler` throws; and as `get` and `QueueItem.done`
   */
  async run(handler: (value: T, item: QueueItem<T>) => unknown, options: QueueRunOptions = {}): Promise<void> {
    checkFunction('run', handler);
    RUN.check(options);
    await new QueueRun<T>(this, handler, options).untilAborted();
  }

  /**
   * Waits until nothing is queued and nothing taken is unfinished. Resolves to true then; to false after `timeout` ms (default: no limit).
   *
   * @throws the signal's reason (rejects) if it aborts
   * @throws as `get`
   */
  async join(options: WaitOptions = {}): Promise<boolean> {
    JOIN.check(options);
    checkWait(options);
    options.signal?.throwIfAborted();
    const { store } = this;
    const restMs = countdown(store.clock, options.timeout ?? Number.POSITIVE_INFINITY);
    const isOver = ({ value, entries }: LineView) => value === 0 && !entries.some(({ state }) => state === 'holding');
    return this.#until(store, isOver, restMs, options.signal);
  }

  /** Resolves to the number of items that are queued, not counting those that are taken. @throws as `get` */
  async size(): Promise<number> {
    return (await this.status()).queued;
  }

  /** Resolves to how many items there are, and how many wait for one. @throws as `get` */
  async status(): Promise<QueueStatus> {
    const { value, entries } = await this.read();
    const taken = entries.filter(({ state }) => state === 'holding').length;
    return { queued: value, taken, waiting: entries.length - taken };
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Queue', this.name, this.maxSize, this.place];
  }

  /** Where it is not known whether it was put, a request with an id is sent once more: it is put once. */
  async #putOnce(store: Store, text: string, id: string | null): Promise<Answer> {
    const put = async () => store.act(this.name, CONFIG, { do: 'put', text, bound: this.maxSize, id });
    try {
      return await put();
    } catch (error) {
      if (id === null || !(error instanceof StoreError) || error.code !== 'STORE_UNSURE') throw error;
      // Whatever the second one says, the first may have been done.
      return put().catch(() => Promise.reject(error));
    }
  }

  /** Waits until the line is as it should be. False if it is not within the time. */
  async #until(
    store: Store,
    is: (line: LineView) => boolean,
    restMs: () => number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    for (;;) {
      const line = await this.read();
      if (is(line)) return true;
      signal?.throwIfAborted();
      const timeoutMs = restMs();
      if (timeoutMs <= 0) return false;
      await store.changed(this.name, { timeoutMs, signal, keepAlive: true, after: line.revision });
    }
  }

  async #taken(store: Store, entry: OwnEntry): Promise<QueueItem<T>> {
    const item = await this.#itemOf(store, entry);
    try {
      return new QueueItem(new Lease(store, entry), item, JSON.parse(item.text) as T);
    } catch (error) {
      // Another client has put it.
      await abandonQuietly(store, entry);
      const message = `${this.name}: item ${item.sequence} is not JSON. Another program has put it. It is queued again.`;
      throw new StoreError('STORE_DAMAGED', message, {
        operation: 'get',
        resource: this.name,
        path: store.place,
        cause: error,
      });
    }
  }

  /** @throws {StoreError} (rejects) with `EVICTED` if it is lost again already */
  async #itemOf(store: Store, entry: OwnEntry): Promise<Item> {
    try {
      const item = await store.itemOf(entry);
      if (item !== null) return item;
    } catch (error) {
      await abandonQuietly(store, entry);
      throw error;
    }
    throw evictedError(store, entry, 'get');
  }
}

function exhausted(name: string, place: string): StoreError {
  return new StoreError(
    'QUEUE_FULL',
    `${name}: it has ${MAX_ITEMS} unfinished items, or 16 MiB of them, and takes no more. Nothing was put. Get some of them first, or give it a maxSize, so that put waits.`,
    { operation: 'put', resource: name, path: place },
  );
}

brand({ Queue });
