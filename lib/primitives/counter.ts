import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';

const CONFIG = { kind: 'counter', permits: 1 } as const;

/**
 * A `Counter` is a whole number that processes add to without losing an addition. It is 0 at first.
 *
 * Use it for counts and for numbers that no two processes may share.
 *
 * @example
 * import { Counter } from 'lockstep';
 * const visits = new Counter('visits');
 * console.log(await visits.add(1)); // no other process gets this number; prints 1
 */
export class Counter extends Resource implements Transferable {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, CONFIG, options);
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
