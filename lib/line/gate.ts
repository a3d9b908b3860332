import type { Action } from './action.ts';
import type { Config } from './config.ts';

/** The waiters in a gate's line. */
export interface Waiters {
  readonly count: number;
  /** Admits the first of them. Returns how many there were. */
  admit(most: number): number;
  /** Ends those up to a ticket that have at most this many owners. Returns how many there were. */
  end(reason: string, upTo?: number, mostOwners?: number): number;
}

/**
 * Decides which waiters are admitted, in a line that has no permits: an event, a condition, a barrier. (A counter admits
 * none; it only has a value.)
 */
export class Gate {
  readonly #kind: string;
  readonly #parties: number;
  readonly #waiters: Waiters;
  #value: number;

  constructor({ kind, permits }: Config, value: number, waiters: Waiters) {
    this.#kind = kind;
    this.#parties = permits;
    this.#value = value;
    this.#waiters = waiters;
  }

  /** Of an event: 1 if it is set. Of a barrier: 1 if it is broken. Of a counter: the number. Else 0. */
  get value(): number {
    return this.#value;
  }

  /** Whether an entry that joins is admitted at once. */
  get isOpen(): boolean {
    return this.#kind === 'event' && this.#value === 1;
  }

  /** Whether no entry may join the line. */
  get isClosed(): boolean {
    return this.#kind === 'counter' || (this.#kind === 'barrier' && this.#value === 1);
  }

  /** Whether it admits its waiters together, so that each waits for the ones behind it, too. */
  get waitsForAll(): boolean {
    return this.#kind === 'barrier';
  }

  /** Does what a record says. Returns how many entries it admitted or ended, or the counter's new value. Null: void. */
  act(action: Action): number | null {
    switch (action.do) {
      case 'set':
        this.#value = 1;
        return this.#waiters.admit(Number.POSITIVE_INFINITY);
      case 'clear':
        this.#value = 0;
        return 0;
      case 'notify':
        return this.#waiters.admit(action.count);
      case 'abort':
        return this.#break('it was aborted');
      case 'reset':
        this.#value = 0;
        return this.#waiters.end('it was reset');
      case 'sweep':
        // As with `evict`: of more owners than one, one may have been added since they were judged.
        return this.#waiters.end('left over', action.ticket, 1);
      case 'add':
        return this.#add(action.by);
    }
  }

  /** One more entry waits. Returns how many are admitted for it. */
  joined(): number {
    const isComplete = this.#kind === 'barrier' && this.#waiters.count === this.#parties;
    return isComplete ? this.#waiters.admit(this.#parties) : 0;
  }

  /** A waiter has gone. A barrier that is short of a party would never admit anyone. */
  missed(why: string): void {
    if (this.#kind === 'barrier') this.#break(why);
  }

  /** An admitted entry was ended before its owner could act on that. The next waiter is admitted in its place. */
  wasted(): void {
    if (this.#kind === 'condition') this.#waiters.admit(1);
  }

  #break(why: string): number {
    this.#value = 1;
    return this.#waiters.end(why);
  }

  #add(by: number): number | null {
    const sum = this.#value + by;
    if (!Number.isSafeInteger(sum)) return null;
    this.#value = sum;
    return sum;
  }
}
