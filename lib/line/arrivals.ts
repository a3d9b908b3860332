import { isCount, type JournalRecord, keyOf } from '../journal/record.ts';
import { fromWire } from '../session/facts.ts';
import { type Config, MAX_ENTRIES } from './config.ts';
import { type Entry, entryFromWire, isLabel, KEEPS_NOTHING } from './entry.ts';
import type { Gate } from './gate.ts';
import type { LineObserver } from './observer.ts';
import type { Joined } from './outcome.ts';
import type { Tickets } from './tickets.ts';
import type { TurnOrder } from './turn-order.ts';

export interface ArrivalsOptions {
  config: Config;
  order: TurnOrder;
  gate: Gate | null;
  tickets: Tickets;
  observer: LineObserver;
}

/** How entries come into a line, and begin to hold there. */
export class Arrivals {
  readonly #config: Config;
  readonly #order: TurnOrder;
  readonly #gate: Gate | null;
  readonly #tickets: Tickets;
  readonly #observer: LineObserver;
  /** The entry that joins just now: its own record's outcome reports it. */
  #newcomer: Entry | null = null;

  constructor({ config, order, gate, tickets, observer }: ArrivalsOptions) {
    this.#config = config;
    this.#order = order;
    this.#gate = gate;
    this.#tickets = tickets;
    this.#observer = observer;
  }

  /** `["enter", id, facts, ask, at, label]` joins the line; a `try` only if it holds at once. */
  enter(record: JournalRecord, onlyIfGranted: boolean): Joined | null {
    // By index: every acquire comes through here, and destructuring an array costs an iterator.
    const entry = this.#entryOf(record[1], record[2], record[3], record[4], record[5]);
    if (!entry || (onlyIfGranted && !this.#order.wouldAdmit(entry.ask)) || this.#gate?.isClosed) return null;
    this.#tickets.take(entry.ticket);
    const waitingBefore = this.#order.waiting;
    this.#newcomer = entry;
    this.#order.append(entry);
    const admitted = this.#gate?.joined() ?? 0;
    this.#newcomer = null;
    this.#observer.joined(entry);
    return { entry, waitingBefore, others: Math.max(0, admitted - 1) };
  }

  /**
   * `["steal", id, facts, at, label]` takes a lock from all its holders, before all waiters. The ticket is the
   * newest, so the waiters behind it get tokens greater than their tickets.
   */
  steal([, id, wire, at, label]: JournalRecord): Joined | null {
    const entry = this.#config.kind === 'lock' ? this.#entryOf(id, wire, 1, at, label) : null;
    if (!entry) return null;
    this.#tickets.take(entry.ticket);
    const victims: Entry[] = [];
    for (let one = this.#order.first; one?.holding; one = one.next) victims.push(one);
    this.#newcomer = entry;
    this.#order.prependHolder(entry);
    this.#newcomer = null;
    // The thief has the permit already, so no waiter is admitted as they go.
    for (const victim of victims) this.#order.remove(victim);
    this.#observer.joined(entry);
    const { pid, host } = (entry.owners[0] as { facts: { pid: number; host: string } }).facts;
    for (const victim of victims) this.#observer.evicted(victim, { reason: 'stolen', by: `pid ${pid} on ${host}` });
    return { entry, waitingBefore: 0, others: victims.length };
  }

  /** An entry of a header joins as it was. @throws {RangeError} if it is none, or does not fit */
  restore(wire: unknown): void {
    const entry = entryFromWire(wire);
    const token = entry?.token ?? 0;
    const { last, lastToken } = this.#tickets;
    const fits = entry && this.#isAsk(entry.ask) && entry.ticket <= last && token <= lastToken;
    if (fits && !this.#order.find(entry.ticket)) {
      this.#newcomer = entry;
      this.#order.append(entry);
      // Behind a gate, the header alone says which entries were admitted.
      if (this.#gate && token > 0 && !entry.holding) this.#order.admit(1);
      this.#newcomer = null;
      if (entry.holding === token > 0) return;
    }
    throw new RangeError(`its header has an entry that is none: ${JSON.stringify(wire)?.slice(0, 100)}`);
  }

  /** An entry begins to hold: it gets its token, and at a queue its item. */
  hold(entry: Entry): void {
    if (this.#gate) entry.item = this.#gate.holds(entry.ticket);
    // An entry from a header may have its token already.
    if (entry.token === 0) entry.token = this.#tickets.takeToken(entry.ticket);
    if (entry !== this.#newcomer) this.#observer.granted(entry);
  }

  /** An entry that may join, in no line yet. */
  #entryOf(id: string, wire: unknown, ask: unknown, at: unknown, label: unknown): Entry | null {
    const key = keyOf(id);
    const facts = fromWire(wire);
    if (!facts || !isLabel(key) || !this.#isAsk(ask) || !isCount(at) || !isLabel(label)) return null;
    const ticket = this.#order.size < MAX_ENTRIES ? this.#tickets.next(at) : null;
    if (ticket === null) return null;
    const owners = [{ key, facts, relieved: false }];
    const keeps = KEEPS_NOTHING;
    return {
      ticket,
      id,
      owners,
      ask,
      at,
      label,
      holding: false,
      token: 0,
      item: null,
      keeps,
      next: null,
      previous: null,
    };
  }

  #isAsk(ask: unknown): ask is number {
    if (this.#gate) return ask === 1;
    return isCount(ask) && ask <= this.#config.permits && (ask > 0 || this.#config.kind === 'lock');
  }
}
