import type { Lease } from '../primitives/lease.ts';
import type { Back, BackState, Batch, CallOptions } from './back.ts';
import { dataLost, NOTHING_WRITTEN } from './back-rules.ts';
import type { HotSide, HotStatus } from './hot-side.ts';

/** How many sales one transaction writes. */
const PAGE = 1_000;
/** How many ids a hot side is made to remember after a rebuild: as many as every hot side remembers. */
const REMEMBERED = 10_000;
/** While sales go on, a rebuild finds new ones again and again; unless the hot side was halted. */
const MAX_ROUNDS = 20;

export interface WriteOptions extends CallOptions {
  /** Called after each transaction. */
  onWritten?: ((state: BackState) => void) | undefined;
}

/** Writes sales from the hot side to the database. Its caller holds the lease of the count's writers. */
export class BackWriter {
  readonly #name: string;
  readonly #hot: HotSide;
  readonly #back: Back;
  /** The state that this writer wrote last, with its token. */
  #last: BackState | null = null;

  constructor(name: string, hot: HotSide, back: Back) {
    this.#name = name;
    this.#hot = hot;
    this.#back = back;
  }

  /**
   * Writes all that is logged. The log is trimmed after the commit, so whatever happens in between is done once more:
   *
   *   1. killed before the commit: nothing is written, and all is logged;
   *   2. killed after the commit: the cursor has moved, and the next writer leaves out what it covers;
   *   3. killed after the trim: nothing is left to do.
   *
   * @throws {StoreError} (rejects) `HOT_FENCED`, `HOT_DATA_LOST`, and what the two sides throw
   */
  async write(lease: Lease, options: WriteOptions = {}): Promise<BackState> {
    for (;;) {
      const status = await this.#hot.status(options.signal);
      const before = await this.#before(lease, options);
      const { generation } = status;
      if (generation === null && before === null) return NOTHING_WRITTEN;
      await this.#checkSame(status, before);
      const { cursor, loaded } = before ?? NOTHING_WRITTEN;
      const sales = status.lastSequence > cursor ? await this.#hot.sales(cursor, PAGE) : [];
      const isNew = before === null || before.generation === null || sales.length > 0 || loaded !== status.loaded;
      const batch = {
        name: this.#name,
        token: lease.token,
        generation: generation ?? '',
        loaded: status.loaded,
        sales,
      };
      const after = isNew ? await this.#written({ ...batch, isRescue: false }, options) : before;
      if (after.cursor > status.trimmedTo) await this.#hot.trim(after.cursor);
      if (isNew) options.onWritten?.(after);
      if (sales.length < PAGE) return after;
    }
  }

  /** Returns the state in the database. It is read once a lease: then nobody else writes there, or the transaction refuses what follows. */
  async #before(lease: Lease, options: CallOptions): Promise<BackState | null> {
    if (this.#last?.token === lease.token) return this.#last;
    return this.#back.read(this.#name, options);
  }

  async #written(batch: Batch, options: CallOptions): Promise<BackState> {
    // After an error it may be written or not.
    this.#last = null;
    const state = await this.#back.write(batch, options);
    this.#last = state;
    return state;
  }

  /**
   * Sets the hot side anew from the database. The sales that the hot side still has are written first: they are confirmed.
   *
   * @throws {StoreError} (rejects) `HOT_FENCED`; `HOT_DATA_LOST` if it is the database that lost data, and what the two sides throw
   */
  async rebuild(lease: Lease, options: CallOptions = {}): Promise<BackState> {
    await this.#checkRebuildable(options);
    await this.#hot.halt?.('it is being rebuilt');
    for (let round = 1; ; round++) {
      const state = await this.#rescue(lease, options);
      const { count: left, loaded, cursor: sequence, generation } = state;
      try {
        await this.#hot.rebuild({ left, loaded, sequence, ...(generation === null ? {} : { previous: generation }) });
      } catch (error) {
        // A buyer came in between.
        if (round < MAX_ROUNDS && (await this.#hot.status()).lastSequence > sequence) continue;
        throw error;
      }
      await this.#hot.remember?.(await this.#back.orders(this.#name, REMEMBERED, options));
      return this.#rescue(lease, options);
    }
  }

  /** From an older database, tickets would come back that are sold. @throws {StoreError} (rejects) */
  async #checkRebuildable(options: CallOptions): Promise<void> {
    const before = await this.#back.read(this.#name, options);
    const { generation, trimmedTo } = await this.#hot.status(options.signal);
    const place = `${this.#hot.place}, ${this.#back.place}`;
    if (before === null) throw dataLost(this.#name, place, 'there is nothing in the database to rebuild from');
    if (generation !== null && before.generation === generation && trimmedTo > before.cursor)
      throw dataLost(
        this.#name,
        place,
        `the database has lost sales: it has them up to ${before.cursor}, and they were written up to ${trimmedTo}. Restore it first`,
      );
  }

  /** Writes what is logged, whatever its generation, and makes that the one of the database. */
  async #rescue(lease: Lease, options: CallOptions): Promise<BackState> {
    const before = (await this.#back.read(this.#name, options)) ?? NOTHING_WRITTEN;
    const { generation, lastSequence } = await this.#hot.status();
    const batch = { name: this.#name, token: lease.token, loaded: before.loaded, isRescue: true } as const;
    // Without data there is no generation either: the database keeps its own.
    const of = { ...batch, generation: generation ?? before.generation ?? '' };
    let after = await this.#back.write({ ...of, sales: [] }, options);
    for (let from = 0; from < lastSequence; ) {
      const sales = await this.#hot.sales(from, PAGE);
      const last = sales.at(-1);
      if (last === undefined) break;
      after = await this.#back.write({ ...of, sales }, options);
      from = last.sequence;
    }
    return after;
  }

  /** @throws {StoreError} (rejects) if one of the two sides has lost data; the hot side then sells no more */
  async #checkSame(status: HotStatus, before: BackState | null): Promise<void> {
    const what = lossIn(status, before);
    if (what === null) return;
    await this.#hot.halt?.(what).catch(() => undefined);
    throw dataLost(this.#name, `${this.#hot.place}, ${this.#back.place}`, what);
  }
}

/** Describes how the two sides contradict each other; null if they do not. */
export function lossIn(status: HotStatus, before: BackState | null): string | null {
  if (status.halted !== undefined) return status.halted;
  const { generation: written, cursor } = before ?? NOTHING_WRITTEN;
  const { generation, lastSequence, trimmedTo } = status;
  if (generation === null)
    return written === null ? null : `the database has sales up to ${cursor}, and the hot side has nothing`;
  if (written !== null && written !== generation)
    return `the hot data is ${generation}, and the database was written from ${written}`;
  if (lastSequence < cursor)
    return `the database has sales up to ${cursor}, and the last one of the hot side is ${lastSequence}`;
  if (trimmedTo > cursor)
    return `the hot side was written back up to ${trimmedTo}, and the database has sales up to ${cursor} only: it is an older one, or another`;
  return null;
}

/**
 * Called before a load: the first one makes the hot side, and over one that was lost it would sell everything once more.
 *
 * @throws {StoreError} (rejects) `HOT_DATA_LOST`
 */
export async function checkNothingLost(name: string, hot: HotSide, back: Back, options: CallOptions): Promise<void> {
  const [status, written] = [await hot.status(options.signal), await back.read(name, options)];
  const lost = lossIn(status, written);
  if (lost !== null) throw dataLost(name, `${hot.place}, ${back.place}`, lost);
}
