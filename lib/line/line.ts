import { isCount, type JournalRecord, keyOf } from '../journal/record.ts';
import { fromWire } from '../session/facts.ts';
import { type Action, actionOf } from './action.ts';
import { type Config, checkHeader, type LineHeader } from './config.ts';
import { type Entry, entryFromWire, entryToWire, isLabel, KEEPS_NOTHING, keepsFromWire } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { Gate, type Waiters } from './gate.ts';

/**
 * The line of one resource: a pure fold of records into who holds and who waits. It knows nothing of
 * files, and reads no clock: the same records give the same line in every process.
 *
 * The one rule: an entry holds when it and everybody before it fit into the permits. So the holders
 * are always the front part of the line, and whoever holds once holds until it ends.
 *
 * An event, a condition and a barrier are lines too, but gates: their entries hold when they are let in, from
 * the front, by a record that says so (`set`, `notify`) or by being enough (a barrier).
 */

/** A permit is counted in shares, so that a shared entry can take a tiny part of a lock's one permit. */
const SHARES_PER_PERMIT = 2 ** 20;
/** Beyond it an `enter` is void: a bound on memory, and on the next epoch's header. */
const MAX_ENTRIES = 65_536;
/** A ticket is at least the wall clock in µs. This is the year 2255; a clock beyond it is not believed. */
const MAX_TICKET = 9e15;
/** The last ticket that is given: behind it there must be numbers left for the tokens of all who wait. */
const LAST_TICKET = Number.MAX_SAFE_INTEGER - 2 * MAX_ENTRIES;
const MAX_OWNERS = 16;

/** Why an entry was ended by somebody else. */
export interface Eviction {
  reason: string;
  by: string;
}

export interface LineObserver {
  /** An entry has joined the line, behind so many who wait; `holding` says whether it holds already. */
  joined(entry: Entry, waitingBefore: number): void;
  /** An entry that waited now holds. */
  granted(entry: Entry): void;
  /** A `leave` with this id has ended an entry. */
  left(entry: Entry, id: string): void;
  evicted(entry: Entry, eviction: Eviction): void;
  /** An action's record was valid. Its outcome: how many were let in, or a counter's new value. */
  acted(id: string, outcome: number): void;
}

const ignore = () => undefined;
/** For who only wants to know what a line comes to. */
export const DEAF: LineObserver = { joined: ignore, granted: ignore, left: ignore, evicted: ignore, acted: ignore };

/** How much of a line's permits an entry takes that asks for so many, in shares. */
export function weightOf(ask: number): number {
  return ask === 0 ? 1 : ask * SHARES_PER_PERMIT;
}

export class Line {
  readonly name: string;
  readonly config: Config;
  readonly #observer: LineObserver;
  readonly #entries = new EntryList();
  readonly #capacity: number;
  /** What decides instead of permits, if anything does. */
  readonly #gate: Gate | null;
  /** How many who wait at the gate are being let in just now. */
  #passes = 0;
  /** The one who joins just now: it is told of by its own record. */
  #newcomer: Entry | null = null;
  #held = 0;
  #waiting = 0;
  #last: number;
  #lastToken: number;
  #firstWaiting: Entry | null = null;

  /** @throws {RangeError} if the header is not one that `header()` gives */
  constructor(header: unknown, observer: LineObserver) {
    const { name, kind, permits, last, token, value, entries } = checkHeader(header);
    this.name = name;
    this.config = { kind, permits };
    this.#observer = observer;
    this.#gate = kind === 'lock' || kind === 'semaphore' ? null : new Gate(this.config, value, this.#waiters);
    this.#capacity = weightOf(permits);
    this.#last = last;
    this.#lastToken = token;
    for (const wire of entries) this.#restore(wire);
  }

  get #waiters(): Waiters {
    const line = this;
    return {
      get count() {
        return line.#waiting;
      },
      letIn: (most) => this.#letIn(most),
      end: (...which) => this.#endWaiting(...which),
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  get first(): Entry | null {
    return this.#entries.first;
  }

  get firstWaiting(): Entry | null {
    return this.#firstWaiting;
  }

  get value(): number {
    return this.#gate?.value ?? 0;
  }

  find(ticket: number): Entry | undefined {
    return this.#entries.find(ticket);
  }

  /** Whether an entry that asks for this much would hold at once if it joined now. */
  wouldGrant(ask: number): boolean {
    return this.#firstWaiting === null && this.#hasRoomFor(ask);
  }

  /** Folds one record in. Whatever is not exactly a record of this format changes nothing. */
  apply(record: JournalRecord): void {
    const verb = record[0];
    if (verb === 'enter' || verb === 'try') this.#enter(record, verb === 'try');
    else if (verb === 'leave') this.#leave(record);
    else if (verb === 'evict') this.#evict(record);
    else if (verb === 'adopt') this.#adopt(record);
    else if (verb === 'keep') this.#keep(record);
    else if (verb === 'steal') this.#steal(record);
    else {
      const action = actionOf(record, this.config.kind);
      if (action) this.#act(action, record[1]);
    }
  }

  header(): LineHeader {
    const entries = [];
    for (let entry = this.#entries.first; entry; entry = entry.next) entries.push(entryToWire(entry));
    return { name: this.name, ...this.config, last: this.#last, token: this.#lastToken, value: this.value, entries };
  }

  /** `["enter", id, facts, ask, at, label]` joins the line; a `try` only if it holds at once. */
  #enter(record: JournalRecord, onlyIfGranted: boolean): void {
    // By index: every acquire comes through here, and taking an array apart costs an iterator.
    const entry = this.#entryOf(record[1], record[2], record[3], record[4], record[5]);
    if (!entry || (onlyIfGranted && !this.wouldGrant(entry.ask)) || this.#gate?.isClosed) return;
    this.#last = entry.ticket;
    const waitingBefore = this.#waiting;
    this.#newcomer = entry;
    this.#append(entry);
    this.#gate?.joined();
    this.#newcomer = null;
    this.#observer.joined(entry, waitingBefore);
  }

  /** An entry that may join, in no line yet. */
  #entryOf(id: string, wire: unknown, ask: unknown, at: unknown, label: unknown): Entry | null {
    const key = keyOf(id);
    const facts = fromWire(wire);
    if (!facts || !isLabel(key) || !this.#isAsk(ask) || !isCount(at) || at > MAX_TICKET || !isLabel(label)) return null;
    if (this.size >= MAX_ENTRIES) return null;
    const ticket = Math.max(this.#last + 1, at);
    if (ticket > LAST_TICKET) return null;
    const owners = [{ key, facts, relieved: false }];
    const keeps = KEEPS_NOTHING;
    return { ticket, id, owners, ask, at, label, holding: false, token: 0, keeps, next: null, previous: null };
  }

  /**
   * `["steal", id, facts, at, label]` takes a lock from all who hold it, before all who wait. The ticket is the
   * newest, so those who wait behind it get tokens greater than their tickets.
   */
  #steal([, id, wire, at, label]: JournalRecord): void {
    const entry = this.config.kind === 'lock' ? this.#entryOf(id, wire, 1, at, label) : null;
    if (!entry) return;
    this.#last = entry.ticket;
    const victims: Entry[] = [];
    for (let one = this.#entries.first; one?.holding; one = one.next) victims.push(one);
    this.#entries.prepend(entry);
    this.#admit(entry);
    // The thief has the permit already, so nobody gets in as they go.
    for (const victim of victims) this.#remove(victim);
    this.#observer.joined(entry, 0);
    const { pid, host } = (entry.owners[0] as { facts: { pid: number; host: string } }).facts;
    for (const victim of victims) this.#observer.evicted(victim, { reason: 'stolen', by: `pid ${pid} on ${host}` });
  }

  /** `["leave", id, ticket, at]` */
  #leave(record: JournalRecord): void {
    const entry = this.#entries.find(record[2] as number);
    if (!entry) return;
    const { holding } = entry;
    this.#remove(entry);
    this.#observer.left(entry, record[1]);
    if (!holding) this.#gate?.missed('a party gave up waiting');
  }

  /**
   * `["evict", id, ticket, at, owners, reason, by]`. `owners` is how many owners were judged dead, or
   * 0 to end the entry whoever owns it. The number closes a race:
   *   1. a waiter finds an entry's only owner dead, and is about to write `evict`;
   *   2. before dying, that owner wrote `adopt` for its child, which lives on;
   *   3. the `evict` stands behind the `adopt`, and would free what the child still needs.
   * With one owner judged and two there, the eviction is void.
   */
  #evict([, , ticket, , owners, reason, by]: JournalRecord): void {
    const entry = this.#entries.find(ticket as number);
    if (!entry || (owners !== 0 && owners !== entry.owners.length)) return;
    const { holding } = entry;
    this.#remove(entry);
    const why = textOr(reason, 'evicted');
    this.#observer.evicted(entry, { reason: why, by: textOr(by, 'unknown') });
    if (holding) this.#gate?.wasted();
    else this.#gate?.missed(`a party was taken out: ${why}`);
  }

  /**
   * `["adopt", id, ticket, at, key, facts, relieves]`: one more session keeps the entry alive; if `relieves`
   * is true, it alone. The relieved stay in the list, so that its length still tells an `evict` that
   * was judged before from one that was judged after.
   */
  #adopt([, , ticket, , key, wire, relieves]: JournalRecord): void {
    const entry = this.#entries.find(ticket as number);
    const facts = fromWire(wire);
    if (!entry || !facts || !isLabel(key) || entry.owners.length >= MAX_OWNERS) return;
    if (relieves === true) for (const owner of entry.owners) owner.relieved = true;
    entry.owners.push({ key, facts, relieved: false });
  }

  /** `["keep", id, ticket, at, [[name, ticket], …], waits]`: what the entry's owner cannot give back while it waits. */
  #keep([, , ticket, , held, waits]: JournalRecord): void {
    const entry = this.#entries.find(ticket as number);
    const keeps = keepsFromWire(held, waits);
    if (entry && keeps) entry.keeps = keeps;
  }

  #act(action: Action, id: string): void {
    const outcome = this.#gate?.act(action) ?? null;
    if (outcome !== null) this.#observer.acted(id, outcome);
  }

  /** Lets the first who wait at a gate in. Returns how many there were. */
  #letIn(most: number): number {
    const before = this.#waiting;
    this.#passes = most;
    this.#grant();
    this.#passes = 0;
    return before - this.#waiting;
  }

  /**
   * Ends those who wait, up to a ticket, if they have no more owners than were judged (as in `evict`). Returns
   * how many there were.
   */
  #endWaiting(reason: string, upTo = Number.POSITIVE_INFINITY, mostOwners = Number.POSITIVE_INFINITY): number {
    const ended: Entry[] = [];
    for (let entry = this.#firstWaiting; entry && entry.ticket <= upTo; entry = entry.next) {
      if (entry.owners.length <= mostOwners) ended.push(entry);
    }
    for (const entry of ended) {
      this.#remove(entry);
      this.#observer.evicted(entry, { reason, by: 'unknown' });
    }
    return ended.length;
  }

  #isAsk(ask: unknown): ask is number {
    if (this.#gate) return ask === 1;
    return isCount(ask) && ask <= this.config.permits && (ask > 0 || this.config.kind === 'lock');
  }

  #hasRoomFor(ask: number): boolean {
    if (this.#gate) return this.#passes > 0 || this.#gate.isOpen;
    return this.#held + weightOf(ask) <= this.#capacity;
  }

  #append(entry: Entry): void {
    this.#entries.append(entry);
    this.#waiting += 1;
    this.#firstWaiting ??= entry;
    this.#grant();
  }

  #remove(entry: Entry): void {
    this.#entries.remove(entry);
    if (entry.holding) this.#held -= weightOf(entry.ask);
    else this.#waiting -= 1;
    if (this.#firstWaiting === entry) this.#firstWaiting = entry.next;
    this.#grant();
  }

  /** Lets waiters in, from the front, as long as they may. */
  #grant(): void {
    for (let entry = this.#firstWaiting; entry && this.#hasRoomFor(entry.ask); entry = entry.next) {
      if (this.#passes > 0) this.#passes -= 1;
      this.#waiting -= 1;
      this.#firstWaiting = entry.next;
      this.#admit(entry);
      if (entry !== this.#newcomer) this.#observer.granted(entry);
    }
  }

  #admit(entry: Entry): void {
    this.#held += weightOf(entry.ask);
    entry.holding = true;
    // Tokens grow from holder to holder, also past one that stole the lock with a newer ticket.
    if (entry.token > 0) return;
    entry.token = entry.ticket > this.#lastToken ? entry.ticket : ++this.#last;
    this.#lastToken = entry.token;
  }

  #restore(wire: unknown): void {
    const entry = entryFromWire(wire);
    const token = entry?.token ?? 0;
    const fits = entry && this.#isAsk(entry.ask) && entry.ticket <= this.#last && token <= this.#lastToken;
    if (fits && !this.#entries.find(entry.ticket)) {
      // Of a gate, the header alone says who was let in.
      this.#passes = token > 0 ? 1 : 0;
      this.#newcomer = entry;
      this.#append(entry);
      this.#newcomer = null;
      this.#passes = 0;
      if (entry.holding === token > 0) return;
    }
    throw new RangeError(`its header has an entry that is none: ${JSON.stringify(wire)?.slice(0, 100)}`);
  }
}

function textOr(value: unknown, otherwise: string): string {
  return isLabel(value) ? value : otherwise;
}
