import { brand } from '../copies.ts';
import { labelOf } from './acquire-options.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import { abandonQuietly, checkWait, untilHolding, WAIT, type WaitOptions } from './waiting.ts';

const CONFIG = { kind: 'event', permits: 1 } as const;

/**
 * An `Event` is set or clear, and processes wait until it is set. It is clear at first. Once set it stays set until it
 * is cleared, also after the end of the process that set it.
 *
 * Use it when processes must not go on before something has happened once. (Its name hides the DOM's `Event`: import it
 * under another name where you need both.)
 *
 * @example
 * import { Event } from 'lockstep';
 * const ready = new Event('database-ready');
 * await ready.set(); // in one process
 * console.log(await ready.wait({ timeout: 5_000 })); // in another one; prints true
 */
export class Event extends Resource implements Transferable {
  /** @throws {MisuseError} for a name that is empty, over 200 bytes, or has a NUL */
  constructor(name: string, options: ResourceOptions = {}) {
    super(name, CONFIG, options);
  }

  /**
   * Releases all current and future waiters. Atomic: it writes one record, so a crash leaves the event set or clear.
   *
   * @throws {ConfigMismatchError} (rejects) if the name is not an event's
   * @throws {StoreError} (rejects) if the files cannot be trusted, read or written
   */
  async set(): Promise<void> {
    await this.act({ do: 'set' });
  }

  /** Makes later `wait()` calls block. Waiters already released are unaffected. @throws as `set` */
  async clear(): Promise<void> {
    await this.act({ do: 'clear' });
  }

  /** Resolves to whether the event is set now. @throws as `set` */
  async isSet(): Promise<boolean> {
    return (await this.read()).value === 1;
  }

  /**
   * Waits until the event is set. Resolves to true then, also if it was cleared again meanwhile; to false after
   * `timeout` ms (default: no limit). Nothing of the wait is left in line.
   *
   * @throws the signal's reason (rejects) if it aborts
   * @throws as `set`
   */
  async wait(options: WaitOptions & { label?: string } = {}): Promise<boolean> {
    WAIT.check(options);
    checkWait(options);
    options.signal?.throwIfAborted();
    if (await this.isSet()) return true;
    if (options.timeout === 0) return false;
    const { store } = this;
    const entry = await store.join(this.name, CONFIG, { ask: 1, label: labelOf(options), onlyIfGranted: false });
    const isSet = entry.state === 'holding' || (await untilHolding(store, entry, options));
    // The event is set, whether or not the end of the wait can be written now.
    if (isSet) await abandonQuietly(store, entry);
    return isSet;
  }

  /** @internal */
  [transfer](): Recipe {
    return ['Event', this.name, this.place];
  }
}

brand({ Event });
