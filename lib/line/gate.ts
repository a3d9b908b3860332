import type { Action, CountAction } from './action.ts';
import type { Config } from './config.ts';
import { Count } from './count.ts';
import type { Item } from './item.ts';
import { Items, type PutRequest } from './items.ts';
import type { Answer } from './outcome.ts';

/** The waiters in a gate's line. */
export interface Waiters {
  readonly count: number;
  /** Admits the first of them. Returns how many there were. */
  admit(most: number): number;
  /** Ends those up to a ticket that have at most this many owners. Returns how many there were. */
  end(reason: string, upTo?: number, mostOwners?: number): number;
}

/** The state that a header has beside the line's entries. */
export interface GateState {
  value: number;
  takes?: unknown;
  items?: unknown;
}

/**
 * Decides which waiters are admitted, in a line that has no permits: an event, a condition, a barrier, and a
 * queue, which admits one for each item. (A counter admits none; it only has a value.)
 */
export class Gate {
  readonly #kind: string;
  readonly #parties: number;
  readonly #waiters: Waiters;
  /** Of a counter. */
  readonly #count: Count | null;
  /** Of a queue. */
  readonly #items: Items | null;
  #value: number;

  /** `takes`, `items`: as the header of a counter or a queue has them. @throws {RangeError} if they are none */
  constructor({ kind, permits }: Config, { value, takes, items }: GateState, waiters: Waiters) {
    this.#kind = kind;
    this.#parties = permits;
    this.#value = value;
    this.#count = kind === 'counter' ? new Count(value, takes) : null;
    this.#items = kind === 'queue' ? new Items(items) : null;
    this.#waiters = waiters;
  }

  /** Of an event: 1 if it is set. Of a barrier: 1 if it is broken. Of a counter: the number. Of a queue: how many items are queued. Else 0. */
  get value(): number {
    return this.#count?.value ?? this.#items?.queued ?? this.#value;
  }

  /** Of a counter: its number, and what it remembers. Else null. */
  get count(): Count | null {
    return this.#count;
  }

  /** Of a queue: its items. Else null. */
  get items(): Items | null {
    return this.#items;
  }

  /** Whether an entry that joins is admitted at once. */
  get isOpen(): boolean {
    if (this.#items) return this.#items.queued > 0;
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

  /** Does what a record says. `at`: the wall clock of its writer, in µs. */
  act(action: Action, at: number): Answer {
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
      case 'put':
        return this.#put(action);
      default:
        return this.#count && countAction(this.#count, action, at);
    }
  }

  /** An entry begins to hold. Of a queue, returns what it takes. @throws {RangeError} if a header has nothing for it */
  holds(ticket: number): Item | null {
    return this.#items?.takenBy(ticket) ?? null;
  }

  /** An entry that holds is about to end. `isDone`: the item that it took is done, too; else that is queued again. */
  ends({ item }: { readonly item: Item | null }, isDone: boolean): void {
    if (item === null) return;
    if (isDone) this.#items?.finish(item);
    else this.#items?.giveBack(item);
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

  #put(request: PutRequest): Answer {
    const answer = this.#items?.put(request) ?? null;
    // It is open as long as there are items.
    this.#waiters.admit(0);
    return answer;
  }

  #break(why: string): number {
    this.#value = 1;
    return this.#waiters.end(why);
  }
}

function countAction(count: Count, action: Extract<Action, { do: 'add' }> | CountAction, at: number): Answer {
  switch (action.do) {
    case 'add':
      return count.add(action.by);
    case 'take':
      return count.take(action, at);
    case 'load':
      return count.load(action.n, action.id, action.generation);
    case 'trim':
      return count.trim(action.upTo);
    case 'rebuild':
      return count.rebuild(action);
  }
}
