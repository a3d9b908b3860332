import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { isTaken } from '../line/outcome.ts';
import { OptionNames } from '../options/option-names.ts';
import { actOnce, COUNTER, checkTakeId, checkTaken, otherNumber } from './counted.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';

/** Options of `Counter.take`. */
export interface TakeOptions {
  /** The number stays at least this. Default 0. */
  floor?: number;
  /**
   * The request's own id, 1 to 200 characters: the same id gets the same answer, and takes once. Default: none; then a request that is sent twice
   * takes twice.
   */
  id?: string;
}

/** The result of `Counter.take`. */
export interface Take {
  /** The number afterwards. */
  readonly left: number;
  /** 1, 2, 3, … of the takes of this counter. */
  readonly sequence: number;
}

const TAKE = new OptionNames<TakeOptions>('take(n, …)', { floor: true, id: true }, { number: 'floor', string: 'id' });

/**
 * A `Counter` is a whole number that processes add to without losing an addition. It is 0 at first.
 *
 * Use it for counts, for numbers that no two processes may share, and for stock of which no more is sold than there is (`take`).
 * A sale that must end up in a database is a `HotCounter`'s (`lockstep/hot`).
 *
 * @example
 * import { Counter } from 'lockstep';
 * const seats = new Counter('seats');
 * console.log(await seats.add(2)); // no other process gets this number; prints 2
 * console.log(await seats.take(2, { id: 'order-1' })); // prints { left: 0, sequence: 1 }
 * console.log(await seats.take(2, { id: 'order-2' })); // sold out; prints null
 */
export class Counter extends Resource implements Transferable {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, COUNTER, options);
  }

  /**
   * Adds to the number, and resolves to the sum. Atomic: it writes one record, so a crash leaves all of it or nothing.
   *
   * @param by a whole number, negative too. Default 1.
   * @throws {MisuseError} (rejects) unless it is one, or if the sum would exceed ±(2^53 − 1). The number is unchanged then.
   * @throws {ConfigMismatchError} (rejects) if the name is not a counter's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async add(by = 1): Promise<number> {
    if (!Number.isSafeInteger(by)) throw new MisuseError(`a counter adds a whole number, not ${String(by)}`);
    const sum = await this.act({ do: 'add', by });
    if (sum !== null) return sum;
    throw new MisuseError(
      `${this.name}: adding ${by} would take it beyond what a number holds exactly. It was not changed.`,
    );
  }

  /**
   * Takes from the number if it stays at least `floor`; else takes nothing, and resolves to null ("sold out"). Atomic: it writes one
   * record, so a crash leaves all of it or nothing.
   *
   * With an `id` the same request gets the same answer, for any caller and any number of calls: after a crash between the record and the
   * answer, and after the number has changed. The newest 10,000 ids of a counter are remembered. A refusal is not: when more was added, the same
   * id may succeed. So a caller that is not sure whether a request arrived repeats it with its id.
   *
   * @param n a whole number from 1 up. Default 1.
   * @throws {MisuseError} (rejects) for an argument that is none of these, or an id that was used with another `n`. Nothing is taken then.
   * @throws {ConfigMismatchError} (rejects) if the name is not a counter's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written. After `STORE_UNSURE` or `UNSURE` it may have been
   * taken: only with an id can it be repeated.
   */
  async take(n = 1, options: TakeOptions = {}): Promise<Take | null> {
    TAKE.check(options);
    const { floor = 0, id } = options;
    checkTaken(n, floor);
    if (id !== undefined) checkTakeId(id);
    const answer = await actOnce(this.store, this.name, { do: 'take', n, floor, id: id ?? null, bound: null });
    if (isTaken(answer)) return { left: answer.left, sequence: answer.sequence };
    if (answer === 'another number') throw otherNumber(this.name, id ?? '', n);
    return null;
  }

  /** Resolves to the number as it is now. @throws as `add` */
  async get(): Promise<number> {
    return (await this.read()).value;
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Counter', this.name, this.place];
  }
}

brand({ Counter });
