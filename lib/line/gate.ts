import type { Action } from './action.ts';
import type { Config } from './config.ts';

/** Those who wait in a gate's line. */
export interface Waiters {
  readonly count: number;
  /** Lets the first of them in. Returns how many there were. */
  letIn(most: number): number;
  /** Ends them, up to a ticket, where they have at most so many owners. Returns how many there were. */
  end(reason: string, upTo?: number, mostOwners?: number): number;
}

/**
 * What decides, in a line that has no permits, who is let in: an event, a condition, a barrier. (A counter lets
 * nobody in; it only has a value.)
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

  /** Whether whoever comes is let in at once. */
  get isOpen(): boolean {
    return this.#kind === 'event' && this.#value === 1;
  }

  /** Whether nobody may even join the line. */
  get isClosed(): boolean {
    return this.#kind === 'counter' || (this.#kind === 'barrier' && this.#value === 1);
  }

  /** Does what a record says. Returns how many were let in or ended, or the counter's new value. Null: void. */
  act(action: Action): number | null {
    switch (action.do) {
      case 'set':
        this.#value = 1;
        return this.#waiters.letIn(Number.POSITIVE_INFINITY);
      case 'clear':
        this.#value = 0;
        return 0;
      case 'notify':
        return this.#waiters.letIn(action.count);
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

  /** One more waits. */
  joined(): void {
    if (this.#kind === 'barrier' && this.#waiters.count === this.#parties) this.#waiters.letIn(this.#parties);
  }

  /** One who waited has gone. A barrier that is short of a party would let nobody in any more. */
  missed(why: string): void {
    if (this.#kind === 'barrier') this.#break(why);
  }

  /** One who was let in was ended before it could act on that. Whoever is next does. */
  wasted(): void {
    if (this.#kind === 'condition') this.#waiters.letIn(1);
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
