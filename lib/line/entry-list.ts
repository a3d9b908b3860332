import { ByTicket } from './by-ticket.ts';
import type { Entry } from './entry.ts';

/** Entries in their order, found by their tickets. Every operation takes constant time. */
export class EntryList {
  readonly #byTicket = new ByTicket<Entry>();
  #first: Entry | null = null;
  #last: Entry | null = null;

  get size(): number {
    return this.#byTicket.size;
  }

  get first(): Entry | null {
    return this.#first;
  }

  find(ticket: number): Entry | undefined {
    return this.#byTicket.get(ticket);
  }

  append(entry: Entry): void {
    entry.previous = this.#last;
    if (this.#last) this.#last.next = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#byTicket.add(entry);
  }

  prepend(entry: Entry): void {
    entry.next = this.#first;
    if (this.#first) this.#first.previous = entry;
    else this.#last = entry;
    this.#first = entry;
    this.#byTicket.add(entry);
  }

  /** The entry keeps its neighbours, so a loop that stands on it can go on. */
  remove(entry: Entry): void {
    this.#byTicket.delete(entry.ticket);
    if (entry.previous) entry.previous.next = entry.next;
    else this.#first = entry.next;
    if (entry.next) entry.next.previous = entry.previous;
    else this.#last = entry.previous;
  }
}
