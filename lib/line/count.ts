import { ById } from './by-id.ts';
import {
  type CountWire,
  countFromWire,
  countToWire,
  type Load,
  type LoggedTake,
  type RememberedTake,
} from './count-wire.ts';
import type { Refusal, Taken } from './outcome.ts';

/** At least so many of the newest ids of takes are remembered, beside those that are logged: a bound on a header. */
export const REMEMBERED_IDS = 10_000;
/** The same of loads. */
export const REMEMBERED_LOADS = 1_000;
/** No log takes more than this. With ids of the greatest length a header stays below the most that is read. */
export const MAX_LOGGED = 65_536;

/** One request to take. */
export interface TakeRequest {
  readonly n: number;
  /** The number stays at least this. */
  readonly floor: number;
  /** The caller's own: the same answer for the same. Null: none. */
  readonly id: string | null;
  /** The take is logged, if the log has fewer than so many. Null: it is not logged. */
  readonly bound: number | null;
}

/** A state that a counter is set to. */
export interface Rebuilt {
  readonly left: number;
  readonly loaded: number;
  readonly sequence: number;
  readonly generation: string;
}

/** The number of a counter, and what it remembers of takes. A part of the pure fold: it reads no clock. */
export class Count {
  #value: number;
  #sequence = 0;
  #trimmedTo = 0;
  #loaded = 0;
  #generation: string | null = null;
  /** Taken, and not to be dropped before they were trimmed. In the order of their sequences. */
  readonly #log = new ById<LoggedTake>();
  /** Other ids that are remembered. In the order of their sequences. */
  readonly #kept = new ById<RememberedTake>();
  readonly #loads = new ById<Load>();

  /** `wire`: what `takes` in a header says; undefined: nothing was ever taken or loaded. @throws {RangeError} if it is none */
  constructor(value: number, wire: unknown) {
    this.#value = value;
    if (wire === undefined) return;
    const { sequence, trimmedTo, loaded, generation, log, kept, loads } = countFromWire(wire);
    this.#sequence = sequence;
    this.#trimmedTo = trimmedTo;
    this.#loaded = loaded;
    this.#generation = generation;
    for (const one of log) this.#log.add(one);
    for (const one of kept) this.#kept.add(one);
    for (const one of loads) this.#loads.add(one);
  }

  get value(): number {
    return this.#value;
  }

  /** Of the last take. */
  get sequence(): number {
    return this.#sequence;
  }

  get trimmedTo(): number {
    return this.#trimmedTo;
  }

  get loaded(): number {
    return this.#loaded;
  }

  get generation(): string | null {
    return this.#generation;
  }

  /** How many takes are logged. */
  get logged(): number {
    return this.#log.size;
  }

  /** Whether nothing was ever taken or loaded. */
  get isPlain(): boolean {
    return this.#sequence === 0 && this.#generation === null;
  }

  /** The logged takes after a sequence, oldest first. */
  loggedAfter(after: number, most: number): LoggedTake[] {
    const log = this.#log.all();
    const from = log.findIndex(({ sequence }) => sequence > after);
    return from === -1 ? [] : log.slice(from, from + most);
  }

  /** Null: the sum would be no safe integer. */
  add(by: number): number | null {
    const sum = this.#value + by;
    if (!Number.isSafeInteger(sum)) return null;
    this.#value = sum;
    return sum;
  }

  /** `at`: the wall clock of the request, in µs. */
  take({ n, floor, id, bound }: TakeRequest, at: number): Taken | Refusal {
    const known = id === null ? undefined : (this.#log.get(id) ?? this.#kept.get(id));
    if (known && known.n !== n) return 'another number';
    if (known) return { left: known.left, sequence: known.sequence, isRepeat: true };
    const left = this.#value - n;
    if (left < floor || !Number.isSafeInteger(left)) return 'sold out';
    if (bound !== null && this.#log.size >= bound) return 'log full';
    this.#value = left;
    this.#sequence += 1;
    const taken = { left, sequence: this.#sequence };
    if (id !== null && bound !== null) this.#log.add({ id, n, ...taken, at });
    else if (id !== null) this.#keep({ id, n, ...taken });
    return { ...taken, isRepeat: false };
  }

  /** Adds, once for each id. The first load makes the generation. Returns the number then; null: the sum would be no safe integer. */
  load(n: number, id: string, generation: string): number | Refusal | null {
    const known = this.#loads.get(id);
    if (known) return known.n === n ? this.#value : 'another number';
    const sums = [this.#value + n, this.#loaded + n];
    if (!sums.every(Number.isSafeInteger)) return null;
    [this.#value, this.#loaded] = sums as [number, number];
    this.#generation ??= generation;
    this.#loads.add({ id, n });
    if (this.#loads.size > REMEMBERED_LOADS) this.#loads.dropFirst();
    return this.#value;
  }

  /** Drops the logged takes up to a sequence; their ids stay. Returns how many there were. */
  trim(upTo: number): number {
    const trimmed: LoggedTake[] = [];
    for (let one = this.#log.first; one && one.sequence <= upTo; one = this.#log.first) {
      trimmed.push(one);
      this.#log.dropFirst();
    }
    this.#trimmedTo = Math.max(this.#trimmedTo, Math.min(upTo, this.#sequence));
    for (const { id, n, left, sequence } of this.#inOrder(trimmed)) this.#keep({ id, n, left, sequence });
    return trimmed.length;
  }

  /** Sets it anew. Refused if it has what the caller does not know of: a later take, or one that is logged. */
  rebuild({ left, loaded, sequence, generation }: Rebuilt): number | Refusal {
    // The answer to an earlier request was lost.
    if (generation === this.#generation) return this.#value;
    if (this.#sequence > sequence || this.#log.size > 0) return 'ahead';
    this.#value = left;
    this.#loaded = loaded;
    this.#sequence = sequence;
    this.#trimmedTo = sequence;
    this.#generation = generation;
    return left;
  }

  /** The takes, as a header has them; undefined: it has nothing of them. */
  toWire(): CountWire | undefined {
    if (this.isPlain) return undefined;
    return countToWire({
      ...{ sequence: this.#sequence, trimmedTo: this.#trimmedTo, loaded: this.#loaded, generation: this.#generation },
      ...{ log: this.#log.all(), kept: this.#kept.all(), loads: this.#loads.all() },
    });
  }

  #keep(one: RememberedTake): void {
    this.#kept.add(one);
    if (this.#kept.size > REMEMBERED_IDS) this.#kept.dropFirst();
  }

  /** With those that are kept already, if takes that were not logged came between. */
  #inOrder(trimmed: RememberedTake[]): RememberedTake[] {
    const [first] = trimmed;
    if (!first || (this.#kept.last?.sequence ?? 0) < first.sequence) return trimmed;
    const all = [...this.#kept.all(), ...trimmed];
    this.#kept.clear();
    return all.sort((one, other) => one.sequence - other.sequence);
  }
}
