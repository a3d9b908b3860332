import { randomUUID } from 'node:crypto';
import { LogFullError, MisuseError } from '../errors.ts';
import { isCount } from '../journal/record.ts';
import { MAX_LOGGED } from '../line/count.ts';
import { isTaken } from '../line/outcome.ts';
import type { EndSignal } from '../node-types.ts';
import { actOnce, checkTakeId, checkTaken, otherNumber } from '../primitives/counted.ts';
import { Counter } from '../primitives/counter.ts';
import type { Store } from '../store/store.ts';
import type { TakesRange, TakesView } from '../store/takes-view.ts';
import type { HotSide, HotStatus, LoggedSale, Sale } from './hot-side.ts';

/** A side that nothing was ever loaded into, or taken from. */
const NOTHING: TakesView = {
  ...{ left: 0, loaded: 0, sequence: 0, trimmedTo: 0, logged: 0, generation: null },
  takes: [],
};

/**
 * A `JournalHotSide` keeps a hot count in a store, as a counter: each of its changes is one record on disk, and one transaction on servers.
 *
 * Use it to give a `HotCounter` a store of its own; without `hot` it makes one by itself.
 *
 * @example
 * import { openStore } from 'lockstep';
 * import { JournalHotSide } from 'lockstep/hot';
 * const hot = new JournalHotSide(openStore('./locks'), 'show-7');
 * console.log(await hot.load(5, 'opening')); // prints 5
 */
export class JournalHotSide implements HotSide {
  readonly #store: Store;
  readonly #name: string;

  /** The store is its caller's to close. */
  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /** For messages, without secrets. */
  get place(): string {
    return this.#store.place;
  }

  /** Adds to what can be sold; the same id adds once. @throws {MisuseError} (rejects) for the same id with another number */
  async load(n: number, id: string, signal?: EndSignal): Promise<number> {
    checkCounts({ n });
    checkTakeId(id);
    signal?.throwIfAborted();
    const answer = await actOnce(this.#store, this.#name, { do: 'load', n, id, generation: randomUUID() });
    if (typeof answer === 'number') return answer;
    if (answer === 'another number') throw otherNumber(this.#name, id, n);
    throw new MisuseError(
      `${this.#name}: loading ${n} would take it beyond what a number holds exactly. It was not changed.`,
    );
  }

  /** Sells: null if it would go below the floor. @throws {LogFullError} (rejects) if the log is full. More in `HotSide` */
  async take(n: number, id: string, { floor, bound }: { floor: number; bound: number }): Promise<Sale | null> {
    checkTaken(n, floor);
    checkTakeId(id);
    if (!Number.isSafeInteger(bound) || bound < 1 || bound > MAX_LOGGED)
      throw new MisuseError(`a log is bounded by a whole number from 1 to ${MAX_LOGGED}, not ${String(bound)}`);
    const answer = await actOnce(this.#store, this.#name, { do: 'take', n, floor, id, bound });
    if (isTaken(answer)) return { left: answer.left, sequence: answer.sequence };
    if (answer === 'another number') throw otherNumber(this.#name, id, n);
    if (answer === 'log full') throw new LogFullError(this.#name, bound);
    return null;
  }

  /** Resolves to the sales after a sequence that are still logged, oldest first. */
  async sales(after: number, limit: number): Promise<LoggedSale[]> {
    checkCounts({ after, limit });
    const { takes } = await this.#view({ after, limit });
    return takes.map(({ id, n, left, sequence, at }) => ({ id, n, left, sequence, at: Math.floor(at / 1000) }));
  }

  /** Drops what is logged up to a sequence; ids stay remembered. */
  async trim(upTo: number): Promise<void> {
    checkCounts({ upTo });
    await actOnce(this.#store, this.#name, { do: 'trim', upTo });
  }

  /** Resolves to all of one moment. */
  async status(): Promise<HotStatus> {
    const { left, loaded, sequence, trimmedTo, logged, generation } = await this.#view({ after: 0, limit: 0 });
    return { left, loaded, lastSequence: sequence, trimmedTo, logged, generation };
  }

  /** Sets it anew from what a database says. @throws {MisuseError} (rejects) if it has sales that the database does not */
  async rebuild({ left, loaded, sequence }: { left: number; loaded: number; sequence: number }): Promise<void> {
    checkCounts({ loaded, sequence });
    if (!Number.isSafeInteger(left)) throw new MisuseError(`left must be a whole number, not ${String(left)}`);
    const action = { do: 'rebuild', left, loaded, sequence, generation: randomUUID() } as const;
    if ((await actOnce(this.#store, this.#name, action)) !== 'ahead') return;
    throw new MisuseError(
      `${this.#name}: it has sales that the database has not, in ${this.place}. Nothing was changed. Write them back first.`,
    );
  }

  /** Ends its connection; the store, or a client that was given, stays open. */
  async close(): Promise<void> {
    // The store is not ours.
  }

  async #view(range: TakesRange): Promise<TakesView> {
    const view = await this.#store.takes(this.#name, range);
    // Where the name is another kind's, this says so.
    if (view === null) await new Counter(this.#name, { store: this.#store }).get();
    return view ?? NOTHING;
  }
}

/** @throws {MisuseError} unless all are whole numbers from 0 up */
function checkCounts(numbers: Record<string, number>): void {
  for (const [name, number] of Object.entries(numbers))
    if (!isCount(number)) throw new MisuseError(`${name} must be a whole number from 0 up, not ${String(number)}`);
}
