import { labelOf } from './acquirable.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Handed, handed, type Recipe } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, type WaitOptions } from './waiting.ts';

const CONFIG = { kind: 'event', permits: 1 } as const;

/**
 * Something that has happened or has not, and that processes wait for. It is clear at first, and stays set until it is
 * cleared, whoever set it and whatever became of that process.
 *
 * ```ts
 * const ready = new Event('database-ready');
 * await ready.set();                                // in one process
 * if (!(await ready.wait({ timeout: 5_000 }))) …    // in others
 * ```
 *
 * (Its name hides the DOM's `Event`: import it under another one where you need both.)
 */
export class Event extends Resource implements Handed {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, CONFIG, options);
  }

  /**
   * Lets everybody in who waits, and who comes later. One record: it is done, or it is not, whatever happens.
   *
   * @throws {ConfigMismatchError} (rejects) if the name is not an event's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async set(): Promise<void> {
    await this.act({ do: 'set' });
  }

  /** From now on, who comes waits. Who waited before a `set` goes on all the same. @throws as `set` */
  async clear(): Promise<void> {
    await this.act({ do: 'clear' });
  }

  async isSet(): Promise<boolean> {
    return (await this.read()).value === 1;
  }

  /**
   * Resolves to true when it is set, or was set meanwhile; to false if not within `timeout` ms (default: as long as
   * it takes).
   *
   * @throws the signal's reason (rejects) if it aborts
   * @throws as `set`
   */
  async wait(options: WaitOptions & { label?: string } = {}): Promise<boolean> {
    checkWait(options);
    options.signal?.throwIfAborted();
    if (await this.isSet()) return true;
    if (options.timeout === 0) return false;
    const { store } = this;
    const entry = await store.join(this.name, CONFIG, { ask: 1, label: labelOf(options), onlyIfGranted: false });
    const isSet = entry.state === 'holding' || (await untilHolding(store, entry, options));
    // It is set, whether or not that can be written now.
    if (isSet) await abandonQuietly(store, entry);
    return isSet;
  }

  /** @internal */
  [handed](): Recipe {
    return ['Event', this.name, this.place];
  }
}
