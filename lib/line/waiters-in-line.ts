import type { Entry } from './entry.ts';
import type { Waiters } from './gate.ts';
import type { LineObserver } from './observer.ts';
import type { TurnOrder } from './turn-order.ts';

/** The waiters of a line, as its gate admits and ends them. */
export class WaitersInLine implements Waiters {
  readonly #order: TurnOrder;
  readonly #observer: LineObserver;

  constructor(order: TurnOrder, observer: LineObserver) {
    this.#order = order;
    this.#observer = observer;
  }

  get count(): number {
    return this.#order.waiting;
  }

  admit(most: number): number {
    return this.#order.admit(most);
  }

  /**
   * Ends the waiters, up to a ticket, if they have no more owners than were judged (as in `evict`). Returns
   * how many there were.
   */
  end(reason: string, upTo = Number.POSITIVE_INFINITY, mostOwners = Number.POSITIVE_INFINITY): number {
    const ended: Entry[] = [];
    for (let entry = this.#order.firstWaiting; entry && entry.ticket <= upTo; entry = entry.next) {
      if (entry.owners.length <= mostOwners) ended.push(entry);
    }
    for (const entry of ended) {
      this.#order.remove(entry);
      this.#observer.evicted(entry, { reason, by: 'unknown' });
    }
    return ended.length;
  }
}
