import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import type { Item } from '../line/item.ts';
import type { EndSignal } from '../node-types.ts';
import type { Lease } from './lease.ts';

/**
 * A `QueueItem` is an item that `Queue.get` took: nobody else has it until it is given back, or this process ends.
 *
 * Use it as long as the work takes, and end it by `done()` when that is done; else by `giveBack()`, which the end of an `await using` block does
 * where neither was called.
 *
 * - *Crash:* if the process ends before `done()`, the item is the first in its queue again, for the next one that gets. So an item is done
 *   at least once: a process that is killed between its work and `done()` leaves it to another one. Make the work repeatable, or send
 *   `token` along, which grows from each taker to the next.
 * - *Loss:* as of a `Lease`: if the entry is evicted, `signal` aborts, and `done()` rejects with `LeaseLostError`. Another process
 *   may have the item by then.
 *
 * @example
 * import { Queue } from 'lockstep';
 * const letters = new Queue<string>('letters');
 * await letters.put('dear Ada');
 * await using item = await letters.get();
 * console.log(item.value, item.attempt); // prints dear Ada 1
 * await item.done(); // without this line the block gives it back
 */
export class QueueItem<T> implements AsyncDisposable {
  /** The value that was put. */
  readonly value: T;
  /** 1, 2, 3, … of the items that were put into this queue. */
  readonly sequence: number;
  /** How often it was taken, this time too: more than 1 after a process that took it died, or gave it back. */
  readonly attempt: number;
  /** @internal */
  readonly lease: Lease;
  #end: 'done' | 'given back' | null = null;

  /** @internal */
  constructor(lease: Lease, { sequence, takes }: Item, value: T) {
    this.lease = lease;
    this.value = value;
    this.sequence = sequence;
    this.attempt = takes;
  }

  /** The fencing token: it grows from each taker of the queue to the next. */
  get token(): number {
    return this.lease.token;
  }

  /** Whether this process has the item, as far as it knows without reading the disk. */
  get held(): boolean {
    return this.lease.held;
  }

  /** Aborts, with a `LeaseLostError`, when the item is lost; as `Lease.signal`. */
  get signal(): EndSignal {
    return this.lease.signal;
  }

  /**
   * The item is finished, and gone. Atomic: it writes one record. A second call does nothing.
   *
   * @throws {LeaseLostError} (rejects) if it was lost before: another process may have it
   * @throws {MisuseError} (rejects) after `giveBack`
   * @throws {StoreError} (rejects) if that could not be written. The item is still taken then: call again.
   */
  async done(): Promise<void> {
    this.#check('done');
    await this.lease.complete();
    this.#end = 'done';
  }

  /**
   * Gives the item back: it is the first in its queue again. A second call does nothing.
   *
   * @throws as `done`; {MisuseError} (rejects) after `done`
   */
  async giveBack(): Promise<void> {
    this.#check('given back');
    await this.lease.release();
    this.#end = 'given back';
  }

  /** Makes another process of this machine an owner, too: the item is given to others only when both are gone. As `Lease.adopt`. */
  adopt(pid: number): Promise<boolean> {
    return this.lease.adopt(pid);
  }

  /** Gives it back at the end of an `await using` block, unless it is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end === null) await this.lease[Symbol.asyncDispose]();
  }

  #check(end: 'done' | 'given back'): void {
    if (this.#end === null || this.#end === end) return;
    throw new MisuseError(`${this.lease.name}: item ${this.sequence} was ${this.#end} before, and cannot be ${end}`);
  }
}

brand({ QueueItem });
