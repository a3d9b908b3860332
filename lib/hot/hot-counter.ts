import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { Lock } from '../primitives/lock.ts';
import type { Back, BackState } from './back.ts';
import { NOTHING_WRITTEN } from './back-rules.ts';
import { BackWriter, checkNothingLost, lossIn } from './back-writer.ts';
import { pause } from './bounded.ts';
import {
  checkedCall,
  checkedIds,
  checkedOptions,
  checkedWriteBack,
  type HotCallOptions,
  type HotCounterOptions,
  type HotCounterStatus,
  type HotIdOptions,
  type WriteBackOptions,
} from './hot-counter-options.ts';
import type { HotSide, HotStatus, KnownSale, Sale } from './hot-side.ts';
import { checkNumber } from './ids.ts';
import { backAt, hotSideAt } from './places.ts';
import { writeBack } from './write-back.ts';

const FLUSH_MS = 30_000;
const EVERY_MS = 1_000;
/** How often a flush looks whether another process's writer has written what it waits for. */
const LOOK_MS = 20;

/**
 * A `HotCounter` sells from a number at a peak: the count lives in a fast store, never goes below its floor, and every sale is written
 * back to a database later, exactly once.
 *
 * Use it where buyers come faster than a database can sell, and the database must be right afterwards. For a number that is only
 * counted use a `Counter`; where the database is fast enough, one `UPDATE … WHERE count > 0` a sale needs nothing else.
 *
 * A crash loses no sale that was confirmed, as long as the fast store keeps its data: the journal on disk does; Redis does with
 * `appendfsync always`. Where data is lost it is found out: selling stops, with `HOT_DATA_LOST`, until `rebuild()`.
 *
 * Writers stand in line for the lock `hot/NAME`: one of them writes, and the next one takes over when it dies. An old one that
 * wakes up late is refused by its token, in the database's own transaction.
 *
 * @example
 * import { HotCounter } from 'lockstep/hot';
 * const tickets = new HotCounter('show-7', { back: 'shop.sqlite' });
 * await tickets.load(5_000, { id: 'opening' });
 * console.log(await tickets.take(1, { id: 'order-1' })); // prints { left: 4999, sequence: 1 }
 * console.log((await tickets.flush()).count); // prints 4999
 * await tickets.close();
 */
export class HotCounter {
  /** The same in every process that sells or writes. */
  readonly name: string;
  /** The count does not go below it here. */
  readonly floor: number;
  /** The most sales that may wait to be written back. */
  readonly maxLog: number;
  readonly #hot: HotSide;
  readonly #back: Back | null;
  readonly #lock: Lock;
  /** The sides that `close` closes: a caller's own ones stay open. */
  readonly #own: ReadonlyArray<HotSide | Back>;
  readonly #ends = new AbortController();
  #loops = new Set<Promise<void>>();

  /** @throws {MisuseError} for a name that is empty, or over 196 bytes; for an option or a URL that can never be right */
  constructor(name: string, options: HotCounterOptions = {}) {
    const { floor, maxLog } = checkedOptions(options);
    const { hot, back, store } = options;
    this.#lock = new Lock(`hot/${name}`, store === undefined ? {} : { store });
    this.name = name;
    this.floor = floor;
    this.maxLog = maxLog;
    this.#hot = typeof hot === 'object' ? hot : hotSideAt(name, hot, store);
    this.#back = back === undefined ? null : typeof back === 'object' ? back : backAt(back);
    this.#own = [typeof hot === 'object' ? null : this.#hot, typeof back === 'object' ? null : this.#back].filter(
      (side) => side !== null,
    );
  }

  /** @internal The lock that is held by whoever writes back. */
  get writers(): Lock {
    return this.#lock;
  }

  /**
   * Adds `n` to what can be sold, and resolves to what is left then. The same id adds once.
   *
   * @throws {MisuseError} (rejects) for a number that is not whole, or below 1; for the same id with another number
   * @throws {StoreError} (rejects) `HOT_DATA_LOST` if the hot side is empty, and the database says that it was not; as `take`
   */
  async load(n: number, options: HotIdOptions): Promise<number> {
    const { signal } = checkedIds('load', n, options);
    if (this.#back) await checkNothingLost(this.name, this.#hot, this.#back, { signal });
    return this.#hot.load(n, options.id, signal);
  }

  /**
   * Sells `n`: resolves to what is left and the number of the sale; or to null if the count would go below the floor. The same id gets the
   * same answer, and no second sale: so a caller that got no answer asks again.
   *
   * @throws {LogFullError} (rejects) if `maxLog` sales wait to be written back: the database is away, or too slow. Nothing was sold.
   * @throws {MisuseError} (rejects) for a number that is not whole, or below 1; for the same id with another number
   * @throws {StoreError} (rejects) `HOT_DATA_LOST` if the fast store has lost its data; `UNREACHABLE`, `UNSURE` or `STORE_…` if it does not
   *   answer in time: ask again with the same id
   * @throws the signal's reason (rejects) if it aborts. It may be sold then: ask again with the same id.
   */
  async take(n: number, options: HotIdOptions): Promise<Sale | null> {
    const { signal, timeout } = checkedIds('take', n, options);
    signal?.throwIfAborted();
    const limits = { ...(timeout === undefined ? {} : { timeout }), signal };
    return this.#hot.take(n, options.id, { floor: this.floor, bound: this.maxLog, ...limits });
  }

  /**
   * Resolves once all that was sold before the call is in the database, to what is there then. It writes by itself, or waits for the
   * writer of another process.
   *
   * @throws {StoreError} (rejects) `HOT_DATA_LOST`; what the database's driver reports: `UNREACHABLE`, `DENIED`, `REFUSED`
   * @throws {LockTimeoutError} (rejects) if another writer holds the lock and has not written all within `timeout`
   * @throws the signal's reason (rejects) if it aborts
   */
  async flush(options: HotCallOptions = {}): Promise<BackState> {
    const { timeout = FLUSH_MS, signal } = checkedCall(options);
    const back = this.#needBack('flush');
    const deadline = performance.now() + timeout;
    const { lastSequence, loaded, generation } = await this.#hot.status(signal);
    for (;;) {
      const lease = await this.#lock.tryAcquire({ label: `flush ${this.name}` });
      if (lease)
        try {
          return await new BackWriter(this.name, this.#hot, back).write(lease, { signal });
        } finally {
          await lease.release();
        }
      const state = (await back.read(this.name, { signal })) ?? NOTHING_WRITTEN;
      if (state.generation === generation && state.cursor >= lastSequence && state.loaded === loaded) return state;
      signal?.throwIfAborted();
      // Its error names the holder.
      if (performance.now() > deadline) await (await this.#lock.acquire({ timeout: 0 })).release();
      await pause(LOOK_MS, signal);
    }
  }

  /**
   * Writes back again and again, until its signal aborts, or `close`; then it writes a last time, and resolves. It waits in line while
   * another process does so. While the database does not answer it goes on trying.
   *
   * @throws {StoreError} (rejects) `HOT_DATA_LOST`; `DENIED`: nobody but a person can go on then
   */
  async writeBack(options: WriteBackOptions = {}): Promise<void> {
    const { everyMs = EVERY_MS, signal, ...callbacks } = checkedWriteBack(options);
    const writer = new BackWriter(this.name, this.#hot, this.#needBack('writeBack'));
    const until = signal ? AbortSignal.any([signal, this.#ends.signal]) : this.#ends.signal;
    const loop = writeBack(writer, this.#lock, { everyMs, until, ...callbacks });
    const quiet = loop.catch(() => undefined);
    this.#loops.add(quiet);
    try {
      await loop;
    } finally {
      this.#loops.delete(quiet);
    }
  }

  /**
   * Resolves to all that is known of the count. It waits for no lock, and changes nothing.
   *
   * @throws {StoreError} (rejects) if the fast store does not answer. That the database does not is in `problems`.
   */
  async status(options: HotCallOptions = {}): Promise<HotCounterStatus> {
    const { signal } = checkedCall(options);
    const hot = await this.#hot.status(signal);
    const problems: string[] = [];
    let written: BackState | null = null;
    try {
      written = (await this.#back?.read(this.name, options)) ?? null;
      const lost = this.#back ? lossIn(hot, written) : (hot.halted ?? null);
      if (lost !== null) problems.push(`data was lost: ${lost}`);
    } catch (error) {
      problems.push((error as Error).message);
    }
    const { entries } = await this.#lock.inspect();
    return {
      name: this.name,
      floor: this.floor,
      maxLog: this.maxLog,
      hot: this.#hot.place,
      back: this.#back?.place ?? null,
      ...hot,
      written,
      unwritten: this.#back && written ? Math.max(0, hot.lastSequence - written.cursor) : hot.logged,
      writers: entries,
      problems,
    };
  }

  /** Resolves to the hot side's own state, without the database. Use it to watch a sale. @throws {StoreError} (rejects) as `take` */
  async look(options: HotCallOptions = {}): Promise<HotStatus> {
    return this.#hot.status(checkedCall(options).signal);
  }

  /** Resolves to the orders in the database, newest first, at most `limit`. @throws {StoreError} (rejects) what its driver reports */
  async orders(limit: number, options: HotCallOptions = {}): Promise<KnownSale[]> {
    checkNumber('orders', limit);
    return this.#needBack('orders').orders(this.name, limit, checkedCall(options));
  }

  /**
   * Resolves to what could lose sales that were confirmed, in words: a Redis that keeps no log, or evicts; a database whose commits are
   * not durable. Empty if nothing is known. Use it before a sale.
   *
   * @throws {StoreError} (rejects) if a server does not answer
   */
  async check(): Promise<string[]> {
    const back = await this.#back?.risks?.().catch((error: Error) => [error.message]);
    return [...((await this.#hot.check?.()) ?? []), ...(back ?? [])];
  }

  /**
   * Sets the hot side anew from the database, after its data was lost; sales that it still has are written to the database first. Selling
   * goes on then, with a new generation. Sales that were confirmed, never written and lost with the data are in neither: compare
   * with the answers that buyers got.
   *
   * @throws {StoreError} (rejects) `HOT_DATA_LOST` if the database has nothing, or is an older one than was written to
   * @throws {LockTimeoutError} (rejects) if another writer does not let go of the lock within `timeout`: end it
   */
  async rebuild(options: HotCallOptions = {}): Promise<BackState> {
    const { timeout = FLUSH_MS, signal } = checkedCall(options);
    const writer = new BackWriter(this.name, this.#hot, this.#needBack('rebuild'));
    const wait = { timeout, label: `rebuild ${this.name}`, ...(signal ? { signal } : {}) };
    return this.#lock.withLock((lease) => writer.rebuild(lease, { signal }), wait);
  }

  /** Ends its `writeBack`, after a last transaction, and closes the connections that it opened. The sales stay. */
  async close(): Promise<void> {
    this.#ends.abort();
    await Promise.all(this.#loops);
    for (const side of this.#own) await side.close();
  }

  /** Does what `close` does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #needBack(call: string): Back {
    if (this.#back) return this.#back;
    throw new MisuseError(
      `${this.name}: ${call} needs the database: new HotCounter('${this.name}', { back: 'shop.sqlite' })`,
    );
  }
}

brand({ HotCounter });
