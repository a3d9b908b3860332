import { isCount, type JournalRecord, keyOf } from '../journal/record.ts';
import { fromWire } from '../session/facts.ts';
import { actionOf } from './action.ts';
import { type Config, checkHeader, emptyHeader, type LineHeader, MAX_ENTRIES } from './config.ts';
import { addOwner, type Entry, entryFromWire, entryToWire, isLabel, KEEPS_NOTHING, keepsFromWire } from './entry.ts';
import { Gate, type Waiters } from './gate.ts';
import type { LineObserver } from './observer.ts';
import type { Joined, Outcome } from './outcome.ts';
import { Queue } from './queue.ts';
import { Tickets } from './tickets.ts';

/**
 * The line of one resource: a pure fold of records into holders and waiters. It knows nothing of files and reads no
 * clock: the same records give the same line in every process.
 *
 * An event, a condition and a barrier are lines too, but gates: their entries hold when they are admitted, from the
 * front, by a record that says so (`set`, `notify`) or by being enough (a barrier).
 */
export class Line {
  readonly name: string;
  readonly config: Config;
  readonly #observer: LineObserver;
  readonly #queue: Queue;
  readonly #tickets: Tickets;
  /** Decides instead of permits. Null for a lock and a semaphore. */
  readonly #gate: Gate | null;
  #isForgotten = false;
  /** The entry that joins just now: its own record's outcome reports it. */
  #newcomer: Entry | null = null;

  /** @throws {RangeError} if the header is not one that `header()` gives */
  constructor(header: unknown, observer: LineObserver) {
    const { name, kind, permits, last, token, value, entries } = checkHeader(header);
    this.name = name;
    this.config = { kind, permits };
    this.#observer = observer;
    const gate = kind === 'lock' || kind === 'semaphore' ? null : new Gate(this.config, value, this.#waiters);
    this.#gate = gate;
    this.#queue = new Queue({
      permits,
      isOpen: gate && (() => gate.isOpen),
      onHold: (entry) => this.#hold(entry),
    });
    this.#tickets = new Tickets(last, token);
    for (const wire of entries) this.#restore(wire);
  }

  get size(): number {
    return this.#queue.size;
  }

  /** How many entries wait. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  get first(): Entry | null {
    return this.#queue.first;
  }

  get firstWaiting(): Entry | null {
    return this.#queue.firstWaiting;
  }

  get value(): number {
    return this.#gate?.value ?? 0;
  }

  /** Whether no entry may join: the resource is a broken barrier, or a counter. */
  get isClosed(): boolean {
    return this.#gate?.isClosed ?? false;
  }

  /** Whether a waiter depends on the waiters behind it, too: at a barrier, which admits them together. */
  get waitsForAll(): boolean {
    return this.#gate?.waitsForAll ?? false;
  }

  find(ticket: number): Entry | undefined {
    return this.#queue.find(ticket);
  }

  /** Whether an entry that asks for this much would hold at once if it joined now. */
  wouldGrant(ask: number): boolean {
    return this.#queue.wouldAdmit(ask);
  }

  /** Folds one record in. A record that is not exactly of this format changes nothing. */
  apply(record: JournalRecord): Outcome {
    const verb = record[0];
    if (verb === 'enter' || verb === 'try') return this.#enter(record, verb === 'try');
    if (verb === 'leave') return this.#leave(record);
    if (verb === 'evict') return this.#evict(record);
    if (verb === 'adopt') return this.#adopt(record);
    if (verb === 'keep') return this.#keep(record);
    if (verb === 'steal') return this.#steal(record);
    if (verb === 'forget') return this.#forget(record);
    const action = actionOf(record, this.config.kind);
    return action && (this.#gate?.act(action) ?? null);
  }

  /** Whether the resource was forgotten: its configuration and its value have ended with this line. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  /** The last ticket or token that was given out. */
  get last(): number {
    return this.#tickets.last;
  }

  /** The header of a resource that is made where this one was forgotten. Its tokens go on growing. */
  headerOfNext(config: Config): LineHeader {
    const { last, lastToken: token } = this.#tickets;
    return { ...emptyHeader(this.name, config), last, token };
  }

  header(): LineHeader {
    const { last, lastToken: token } = this.#tickets;
    const entries = [];
    for (let entry = this.first; entry; entry = entry.next) entries.push(entryToWire(entry));
    return { name: this.name, ...this.config, last, token, value: this.value, entries };
  }

  /** `["enter", id, facts, ask, at, label]` joins the line; a `try` only if it holds at once. */
  #enter(record: JournalRecord, onlyIfGranted: boolean): Joined | null {
    // By index: every acquire comes through here, and destructuring an array costs an iterator.
    const entry = this.#entryOf(record[1], record[2], record[3], record[4], record[5]);
    if (!entry || (onlyIfGranted && !this.wouldGrant(entry.ask)) || this.isClosed) return null;
    this.#tickets.take(entry.ticket);
    const waitingBefore = this.waiting;
    this.#newcomer = entry;
    this.#queue.append(entry);
    const admitted = this.#gate?.joined() ?? 0;
    this.#newcomer = null;
    this.#observer.joined(entry);
    return { entry, waitingBefore, others: Math.max(0, admitted - 1) };
  }

  /** An entry that may join, in no line yet. */
  #entryOf(id: string, wire: unknown, ask: unknown, at: unknown, label: unknown): Entry | null {
    const key = keyOf(id);
    const facts = fromWire(wire);
    if (!facts || !isLabel(key) || !this.#isAsk(ask) || !isCount(at) || !isLabel(label)) return null;
    const ticket = this.size < MAX_ENTRIES ? this.#tickets.next(at) : null;
    if (ticket === null) return null;
    const owners = [{ key, facts, relieved: false }];
    const keeps = KEEPS_NOTHING;
    return { ticket, id, owners, ask, at, label, holding: false, token: 0, keeps, next: null, previous: null };
  }

  /**
   * `["steal", id, facts, at, label]` takes a lock from all its holders, before all waiters. The ticket is the
   * newest, so the waiters behind it get tokens greater than their tickets.
   */
  #steal([, id, wire, at, label]: JournalRecord): Joined | null {
    const entry = this.config.kind === 'lock' ? this.#entryOf(id, wire, 1, at, label) : null;
    if (!entry) return null;
    this.#tickets.take(entry.ticket);
    const victims: Entry[] = [];
    for (let one = this.first; one?.holding; one = one.next) victims.push(one);
    this.#newcomer = entry;
    this.#queue.prependHolder(entry);
    this.#newcomer = null;
    // The thief has the permit already, so no waiter is admitted as they go.
    for (const victim of victims) this.#queue.remove(victim);
    this.#observer.joined(entry);
    const { pid, host } = (entry.owners[0] as { facts: { pid: number; host: string } }).facts;
    for (const victim of victims) this.#observer.evicted(victim, { reason: 'stolen', by: `pid ${pid} on ${host}` });
    return { entry, waitingBefore: 0, others: victims.length };
  }

  /** `["leave", id, ticket, at]` */
  #leave(record: JournalRecord): number | null {
    const entry = this.find(record[2] as number);
    if (!entry) return null;
    const { holding } = entry;
    this.#queue.remove(entry);
    this.#observer.left(entry, record[1]);
    if (!holding) this.#gate?.missed('a party gave up waiting');
    return 1;
  }

  /**
   * `["evict", id, ticket, at, owners, reason, by]`. `owners` is how many owners were judged dead, or
   * 0 to end the entry whoever owns it. The number closes a race:
   *   1. a waiter finds an entry's only owner dead, and is about to write `evict`;
   *   2. before dying, that owner wrote `adopt` for its child, which lives on;
   *   3. the `evict` stands behind the `adopt`, and would free what the child still needs.
   * With one owner judged and two there, the eviction is void.
   */
  #evict([, , ticket, , owners, reason, by]: JournalRecord): number | null {
    const entry = this.find(ticket as number);
    if (!entry || (owners !== 0 && owners !== entry.owners.length)) return null;
    const { holding } = entry;
    this.#queue.remove(entry);
    const why = textOr(reason, 'evicted');
    this.#observer.evicted(entry, { reason: why, by: textOr(by, 'unknown') });
    if (holding) this.#gate?.wasted();
    else this.#gate?.missed(`a party was taken out: ${why}`);
    return 1;
  }

  /** `["adopt", id, ticket, at, key, facts, relieves]`: one more session keeps the entry alive; if `relieves` is true, it alone. */
  #adopt([, , ticket, , key, wire, relieves]: JournalRecord): number | null {
    const entry = this.find(ticket as number);
    return entry && addOwner(entry, key, wire, relieves === true) ? 1 : null;
  }

  /** `["keep", id, ticket, at, [[name, ticket], …], waits]`: what the entry's owner cannot give back while it waits. */
  #keep([, , ticket, , held, waits]: JournalRecord): number | null {
    const entry = this.find(ticket as number);
    const keeps = keepsFromWire(held, waits);
    if (!entry || !keeps) return null;
    entry.keeps = keeps;
    return 1;
  }

  /** `["forget", id, at, value]` ends the resource, if nobody is in line, and its value is the one that was seen. */
  #forget([, , , value]: JournalRecord): number | null {
    if (this.size > 0 || value !== this.value) return null;
    this.#isForgotten = true;
    return 1;
  }

  get #waiters(): Waiters {
    const line = this;
    return {
      get count() {
        return line.waiting;
      },
      admit: (most) => this.#queue.admit(most),
      end: (...which) => this.#endWaiting(...which),
    };
  }

  /**
   * Ends the waiters, up to a ticket, if they have no more owners than were judged (as in `evict`). Returns
   * how many there were.
   */
  #endWaiting(reason: string, upTo = Number.POSITIVE_INFINITY, mostOwners = Number.POSITIVE_INFINITY): number {
    const ended: Entry[] = [];
    for (let entry = this.firstWaiting; entry && entry.ticket <= upTo; entry = entry.next) {
      if (entry.owners.length <= mostOwners) ended.push(entry);
    }
    for (const entry of ended) {
      this.#queue.remove(entry);
      this.#observer.evicted(entry, { reason, by: 'unknown' });
    }
    return ended.length;
  }

  #isAsk(ask: unknown): ask is number {
    if (this.#gate) return ask === 1;
    return isCount(ask) && ask <= this.config.permits && (ask > 0 || this.config.kind === 'lock');
  }

  #hold(entry: Entry): void {
    // An entry from a header may have its token already.
    if (entry.token === 0) entry.token = this.#tickets.takeToken(entry.ticket);
    if (entry !== this.#newcomer) this.#observer.granted(entry);
  }

  #restore(wire: unknown): void {
    const entry = entryFromWire(wire);
    const token = entry?.token ?? 0;
    const { last, lastToken } = this.#tickets;
    const fits = entry && this.#isAsk(entry.ask) && entry.ticket <= last && token <= lastToken;
    if (fits && !this.find(entry.ticket)) {
      this.#newcomer = entry;
      this.#queue.append(entry);
      // Behind a gate, the header alone says which entries were admitted.
      if (this.#gate && token > 0 && !entry.holding) this.#queue.admit(1);
      this.#newcomer = null;
      if (entry.holding === token > 0) return;
    }
    throw new RangeError(`its header has an entry that is none: ${JSON.stringify(wire)?.slice(0, 100)}`);
  }
}

function textOr(value: unknown, otherwise: string): string {
  return isLabel(value) ? value : otherwise;
}
