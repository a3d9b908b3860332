import { MisuseError } from '../errors.ts';
import type { QueueItem } from './queue-item.ts';
import type { GetOptions, QueueRunOptions } from './queue-options.ts';

/** Where items come from. */
interface Items<T> {
  get(options: GetOptions & { timeout?: undefined }): Promise<QueueItem<T>>;
}

/** Handles the items of a queue, one after the other, or several at a time. */
export class QueueRun<T> {
  readonly #items: Items<T>;
  readonly #handler: (value: T, item: QueueItem<T>) => unknown;
  readonly #concurrency: number;
  readonly #failed = new AbortController();
  readonly #ends: AbortSignal;
  readonly #label: { label?: string };

  /** @throws {MisuseError} */
  constructor(
    items: Items<T>,
    handler: (value: T, item: QueueItem<T>) => unknown,
    { concurrency = 1, signal, label }: QueueRunOptions,
  ) {
    if (!Number.isSafeInteger(concurrency) || concurrency < 1)
      throw new MisuseError(`concurrency must be a whole number from 1 up, not ${String(concurrency)}`);
    this.#items = items;
    this.#handler = handler;
    this.#concurrency = concurrency;
    this.#ends = signal ? AbortSignal.any([signal, this.#failed.signal]) : this.#failed.signal;
    this.#label = label === undefined ? {} : { label };
  }

  /** Resolves after the handlers that run when the signal aborts. @throws what a handler throws, once the others are through (rejects) */
  async untilAborted(): Promise<void> {
    const loops = Array.from({ length: this.#concurrency }, () =>
      this.#handleAll().catch((error: unknown) => {
        this.#failed.abort();
        throw error;
      }),
    );
    const ended = await Promise.allSettled(loops);
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }

  async #handleAll(): Promise<void> {
    while (!this.#ends.aborted) {
      const item = await this.#next();
      if (item === null) return;
      try {
        await this.#handler(item.value, item);
        await item.done();
      } finally {
        // If it is not done, it is given back.
        await item[Symbol.asyncDispose]();
      }
    }
  }

  /** Null if the signal ended the wait. */
  async #next(): Promise<QueueItem<T> | null> {
    const signal = this.#ends;
    try {
      return await this.#items.get({ ...this.#label, signal });
    } catch (error) {
      if (signal.aborted && error === signal.reason) return null;
      throw error;
    }
  }
}
