import { LATEST_MICROS } from '../journal/record.ts';
import { MAX_ENTRIES } from './config.ts';

/** The last ticket that is given out: behind it there must be numbers left for the tokens of all waiters. */
const LAST_TICKET = Number.MAX_SAFE_INTEGER - 2 * MAX_ENTRIES;

/** The numbers that one line gives out: a ticket to each entry, and a fencing token to each holder. */
export class Tickets {
  #last: number;
  #lastToken: number;

  constructor(last: number, lastToken: number) {
    this.#last = last;
    this.#lastToken = lastToken;
  }

  /** The last number that was given out as a ticket, or as a token that is no ticket. */
  get last(): number {
    return this.#last;
  }

  get lastToken(): number {
    return this.#lastToken;
  }

  /** The ticket of an entry that joins at this time of the wall clock, in µs; null if there is none for it. */
  next(at: number): number | null {
    const ticket = Math.max(this.#last + 1, at);
    return at > LATEST_MICROS || ticket > LAST_TICKET ? null : ticket;
  }

  /** Gives out a ticket that `next` returned. */
  take(ticket: number): void {
    this.#last = ticket;
  }

  /** The token of an entry that holds from now on. Tokens grow from holder to holder, also past one that stole the lock with a newer ticket. */
  takeToken(ticket: number): number {
    this.#lastToken = ticket > this.#lastToken ? ticket : ++this.#last;
    return this.#lastToken;
  }
}
