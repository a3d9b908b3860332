import { MisuseError } from '../errors.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';

const CONFIG = { kind: 'counter', permits: 1 } as const;

/**
 * A whole number that processes add to, and of which no addition is lost. It is 0 at first.
 *
 * ```ts
 * const visits = new Counter('visits');
 * const mine = await visits.add(1); // no other process gets the same number
 * ```
 */
export class Counter extends Resource implements Handed {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, CONFIG, options);
  }

  /**
   * Adds, and resolves to the number right afterwards. One record: a process that is killed has added, or has not.
   *
   * @param by a whole number, negative too. Default 1.
   * @throws {MisuseError} (rejects) if it is none, or if the sum would be beyond ±(2^53 − 1). Nothing is changed.
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

  /** The number as it is now. @throws as `add` */
  async get(): Promise<number> {
    return (await this.read()).value;
  }

  /** @internal */
  [handed](): Recipe {
    return ['Counter', this.name, this.place];
  }
}
