import { BrokenBarrierError, MisuseError } from '../errors.ts';
import { MAX_PERMITS } from '../line/config.ts';
import type { OwnEntry, Store } from '../store/store.ts';
import { labelOf } from './acquirable.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, type WaitOptions } from './waiting.ts';

/**
 * A place where a number of parties meet: who comes waits until all are there, and then all go on. It can be used again
 * and again.
 *
 * It breaks, for all who wait and for all who come, when one of the parties dies while it waits, waits no longer, or
 * calls `abort`; until somebody calls `reset`. Parties of an earlier run that died there, with nobody alive
 * beside them, break it for nobody.
 *
 * ```ts
 * const start = new Barrier('start', 3);
 * const index = await start.wait({ timeout: 60_000 });
 * if (index === 0) console.log('all three are here'); // one of them says so
 * ```
 */
export class Barrier extends Resource implements Handed {
  readonly parties: number;

  /**
   * @param parties how many meet. Everybody who opens the name must say the same.
   * @throws {MisuseError} for a bad name, or parties that are no whole number from 1 up
   */
  constructor(name: string, parties: number, options: ResourceOptions = {}) {
    if (!Number.isSafeInteger(parties) || parties < 1 || parties > MAX_PERMITS)
      throw new MisuseError(`parties must be a whole number from 1 to ${MAX_PERMITS}, not ${String(parties)}`);
    super(name, { kind: 'barrier', permits: parties }, options);
    this.parties = parties;
  }

  /**
   * Waits until all parties are here. Resolves to a number from 0 to `parties` − 1, in the order of arrival: each of
   * those that meet has another one.
   *
   * @throws {BrokenBarrierError} (rejects) if it is broken, or breaks or is reset meanwhile; or after `timeout` ms (default:
   *   as long as it takes), which breaks it for the others too
   * @throws the signal's reason (rejects) if it aborts. That breaks it.
   * @throws {ConfigMismatchError} (rejects) if the name is another kind's, or has other parties
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async wait(options: WaitOptions & { label?: string } = {}): Promise<number> {
    checkWait(options);
    options.signal?.throwIfAborted();
    const { store } = this;
    const request = { ask: 1, label: labelOf(options), onlyIfGranted: false };
    const entry = await store.join(this.name, this.config, request);
    if (entry.state === 'refused') throw new BrokenBarrierError(this.name, 'it was broken before');
    // Also if it is lost by now: we may have found a dead party as we came.
    if (entry.state !== 'holding') await this.#meet(store, entry, options);
    // They have met, whether or not that can be written now.
    await abandonQuietly(store, entry);
    return entry.waitingBefore;
  }

  /** Breaks it: who waits, and who comes, gets a `BrokenBarrierError` until it is reset. */
  async abort(): Promise<void> {
    await this.act({ do: 'abort' });
  }

  /** Makes it as it was at first. Who waits gets a `BrokenBarrierError`. */
  async reset(): Promise<void> {
    await this.act({ do: 'reset' });
  }

  async broken(): Promise<boolean> {
    return (await this.read()).value === 1;
  }

  /** How many wait now. */
  async waiting(): Promise<number> {
    return (await this.read()).entries.filter(({ state }) => state === 'waiting').length;
  }

  /** @internal */
  [handed](): Recipe {
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
