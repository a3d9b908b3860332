import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { weightOf } from './weight.ts';

export interface TurnOrderOptions {
  permits: number;
  /** Whether a gate admits every waiter now. Null: there is no gate, and permits decide. */
  isOpen: (() => boolean) | null;
  /** Called with each entry when it begins to hold. */
  onHold: (entry: Entry) => void;
}

/**
 * The entries of a line in their order, the holders in front.
 *
 * The one rule: an entry holds when it and all entries before it fit into the permits. So a holder holds until its entry
 * ends. Behind a gate, entries hold when the gate admits them, from the front.
 */
export class TurnOrder {
  readonly #entries = new EntryList();
  readonly #capacity: number;
  readonly #isOpen: (() => boolean) | null;
  readonly #onHold: (entry: Entry) => void;
  /** How many more waiters the gate admits in the call of `admit` that is under way. */
  #passes = 0;
  #held = 0;
  #waiting = 0;
  #firstWaiting: Entry | null = null;

  constructor({ permits, isOpen, onHold }: TurnOrderOptions) {
    this.#capacity = weightOf(permits);
    this.#isOpen = isOpen;
    this.#onHold = onHold;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many entries wait. */
  get waiting(): number {
    return this.#waiting;
  }

  get first(): Entry | null {
    return this.#entries.first;
  }

  get firstWaiting(): Entry | null {
    return this.#firstWaiting;
  }

  find(ticket: number): Entry | undefined {
    return this.#entries.find(ticket);
  }

  /** Whether an entry with this ask would hold at once if it joined now. */
  wouldAdmit(ask: number): boolean {
    return this.#firstWaiting === null && this.#hasRoomFor(ask);
  }

  append(entry: Entry): void {
    this.#entries.append(entry);
    this.#waiting += 1;
    this.#firstWaiting ??= entry;
    this.#grant();
  }

  /** Puts a holder before all others, whether it fits or not. */
  prependHolder(entry: Entry): void {
    this.#entries.prepend(entry);
    this.#hold(entry);
  }

  remove(entry: Entry): void {
    this.#entries.remove(entry);
    if (entry.holding) this.#held -= weightOf(entry.ask);
    else this.#waiting -= 1;
    if (this.#firstWaiting === entry) this.#firstWaiting = entry.next;
    this.#grant();
  }

  /** Admits the first waiters at a gate. Returns how many there were. */
  admit(most: number): number {
    const before = this.#waiting;
    this.#passes = most;
    this.#grant();
    this.#passes = 0;
    return before - this.#waiting;
  }

  #hasRoomFor(ask: number): boolean {
    if (this.#isOpen) return this.#passes > 0 || this.#isOpen();
    return this.#held + weightOf(ask) <= this.#capacity;
  }

  /** Lets waiters hold, from the front, as long as there is room. */
  #grant(): void {
    for (let entry = this.#firstWaiting; entry && this.#hasRoomFor(entry.ask); entry = entry.next) {
      if (this.#passes > 0) this.#passes -= 1;
      this.#waiting -= 1;
      this.#firstWaiting = entry.next;
      this.#hold(entry);
    }
  }

  #hold(entry: Entry): void {
    this.#held += weightOf(entry.ask);
    entry.holding = true;
    this.#onHold(entry);
  }
}
