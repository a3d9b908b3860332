import { brand } from '../copies.ts';
import { BrokenBarrierError, MisuseError } from '../errors.ts';
import { MAX_PERMITS } from '../line/config.ts';
import { OptionNames } from '../options/option-names.ts';
import type { OwnEntry, Store } from '../store/store.ts';
import { labelOf } from './acquire-options.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, WAIT, type WaitOptions } from './waiting.ts';

const OPTIONS = new OptionNames<ResourceOptions>('new CLASS(name, parties, …)', { store: true }, { string: 'store' });

/**
 * A `Barrier` makes a fixed number of parties wait until all of them have arrived, and then releases all. It can be
 * used again and again.
 *
 * Use it when processes must begin a phase together.
 *
 * It breaks when a waiting party dies, gives up its wait, or when any party calls `abort`. All current and future
 * `wait()` calls then reject until a `reset`. Parties that died in an earlier round, with no living party beside them,
 * do not break it.
 *
 * @example
 * import { Barrier } from 'lockstep';
 * const start = new Barrier('start', 2);
 * const other = start.wait(); // in another process
 * const index = await start.wait({ timeout: 60_000 });
 * console.log([index, await other].sort()); // prints [ 0, 1 ]
 */
export class Barrier extends Resource implements Transferable {
  /** How many parties meet. */
  readonly parties: number;

  /**
   * @param parties how many parties meet: the same number in every process that opens the name
   * @throws {MisuseError} for a name as of `Lock`, or unless `parties` is a whole number from 1 up
   */
  constructor(name: string, parties: number, options: ResourceOptions = {}) {
    if (!Number.isSafeInteger(parties) || parties < 1 || parties > MAX_PERMITS)
      throw new MisuseError(`parties must be a whole number from 1 to ${MAX_PERMITS}, not ${String(parties)}`);
    super(name, { kind: 'barrier', permits: parties }, options, OPTIONS);
    this.parties = parties;
  }

  /**
   * Waits until all parties have arrived. Resolves to a number from 0 to `parties` − 1, in the order of arrival: each
   * of the parties that meet gets a different one.
   *
   * @throws {BrokenBarrierError} (rejects) if the barrier is broken, or breaks or is reset meanwhile; or after `timeout` ms
   *   (default: no limit), which breaks it for the other parties too
   * @throws the signal's reason (rejects) if it aborts. That breaks the barrier.
   * @throws {ConfigMismatchError} (rejects) if the name is of another kind, or of another number of parties
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async wait(options: WaitOptions & { label?: string } = {}): Promise<number> {
    WAIT.check(options);
    checkWait(options);
    options.signal?.throwIfAborted();
    const { store } = this;
    const request = { ask: 1, label: labelOf(options), onlyIfGranted: false };
    const entry = await store.join(this.name, this.config, request);
    if (entry.state === 'refused') throw new BrokenBarrierError(this.name, 'it was broken before');
    // Also if the entry is lost by now: this arrival may have found a dead party.
    if (entry.state !== 'holding') await this.#meet(store, entry, options);
    // The parties have met, whether or not the end of the wait can be written now.
    await abandonQuietly(store, entry);
    return entry.waitingBefore;
  }

  /** Breaks the barrier: current and future `wait()` calls reject with `BrokenBarrierError` until it is reset. */
  async abort(): Promise<void> {
    await this.act({ do: 'abort' });
  }

  /** Makes the barrier usable again, and empty. Current `wait()` calls reject with `BrokenBarrierError`. */
  async reset(): Promise<void> {
    await this.act({ do: 'reset' });
  }

  /** Resolves to whether the barrier is broken now. */
  async broken(): Promise<boolean> {
    return (await this.read()).value === 1;
  }

  /** Resolves to the number of parties that wait now. */
  async waiting(): Promise<number> {
    return (await this.read()).entries.filter(({ state }) => state === 'waiting').length;
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Barrier', this.name, this.parties, this.place];
  }

  async #meet(store: Store, entry: OwnEntry, options: WaitOptions): Promise<void> {
    try {
      if (await untilHolding(store, entry, options)) return;
    } catch (error) {
      if (entry.state !== 'lost') throw error;
      throw new BrokenBarrierError(this.name, entry.eviction?.reason ?? 'unknown');
    }
    throw new BrokenBarrierError(this.name, `not all parties came within ${options.timeout} ms`, true);
  }
}

brand({ Barrier });
