import type { ProcessFacts } from './host.ts';
import { fromWire, isCount, type JournalRecord, keyOf, toWire } from './record.ts';

/**
 * The line of one resource: a pure fold of records into who holds and who waits. It knows nothing of
 * files, and reads no clock: the same records give the same line in every process.
 *
 * The one rule: an entry holds when it and everybody before it fit into the permits. So the holders
 * are always the front part of the line, and whoever holds once holds until it leaves.
 */

/** A permit is counted in shares, so that a shared entry can take a tiny part of a lock's one permit. */
const SHARES_PER_PERMIT = 2 ** 20;
/** Beyond it an `enter` is void: a bound on memory, and on the next epoch's header. */
const MAX_ENTRIES = 65_536;
/** A ticket is at least the wall clock in µs. This is the year 2255; a clock beyond it is not believed. */
const MAX_TICKET = 9e15;
const MAX_LABEL = 200;
export const MAX_PERMITS = 2 ** 31 - 1;
const MAX_OWNERS = 16;

export interface Config {
  /** `lock`, `semaphore`, … */
  kind: string;
  permits: number;
}

/** A session that an entry belongs to. Only when all its owners are gone is an entry stale. */
export interface Owner {
  key: string;
  facts: ProcessFacts;
  /** It handed the entry over to those behind it: whether it lives no longer matters. */
  relieved: boolean;
}

export interface Entry {
  readonly ticket: number;
  /** The id of its `enter` record. */
  readonly id: string;
  readonly owners: Owner[];
  /** How many permits it asks for; 0 means a shared entry of a lock. */
  readonly ask: number;
  /** Wall clock in µs at which it joined. */
  readonly at: number;
  readonly label: string;
  holding: boolean;
  next: Entry | null;
  previous: Entry | null;
}

/** Why an entry was ended by somebody else. */
export interface Eviction {
  reason: string;
  by: string;
}

export interface LineObserver {
  /** An entry has joined the line; `holding` says whether it holds already. */
  joined(entry: Entry): void;
  /** An entry that waited now holds. */
  granted(entry: Entry): void;
  /** A `leave` with this id has ended an entry. */
  left(entry: Entry, id: string): void;
  evicted(entry: Entry, eviction: Eviction): void;
}

/** What the next epoch's header keeps of a line, as JSON. */
export interface LineHeader extends Config {
  name: string;
  last: number;
  entries: unknown[];
}

function weightOf(ask: number): number {
  return ask === 0 ? 1 : ask * SHARES_PER_PERMIT;
}

export class Line {
  readonly name: string;
  readonly config: Config;
  readonly #observer: LineObserver;
  readonly #byTicket = new Map<number, Entry>();
  readonly #capacity: number;
  #held = 0;
  #last: number;
  #first: Entry | null = null;
  #tail: Entry | null = null;
  #firstWaiting: Entry | null = null;

  /** @throws {RangeError} if the header is not one that `header()` gives */
  constructor(header: unknown, observer: LineObserver) {
    const { name, kind, permits, last, entries } = checkHeader(header);
    this.name = name;
    this.config = { kind, permits };
    this.#observer = observer;
    this.#capacity = weightOf(permits);
    this.#last = last;
    for (const wire of entries) this.#restore(wire);
  }

  static emptyHeader(name: string, config: Config): LineHeader {
    return { name, kind: config.kind, permits: config.permits, last: 0, entries: [] };
  }

  get size(): number {
    return this.#byTicket.size;
  }

  get first(): Entry | null {
    return this.#first;
  }

  get firstWaiting(): Entry | null {
    return this.#firstWaiting;
  }

  find(ticket: number): Entry | undefined {
    return this.#byTicket.get(ticket);
  }

  /** Whether an entry that asks for this much would hold at once if it joined now. */
  wouldGrant(ask: number): boolean {
    return this.#firstWaiting === null && this.#held + weightOf(ask) <= this.#capacity;
  }

  /** Folds one record in. Whatever is not exactly a record of this format changes nothing. */
  apply(record: JournalRecord): void {
    const verb = record[0];
    if (verb === 'enter' || verb === 'try') this.#enter(record, verb === 'try');
    else if (verb === 'leave') this.#leave(record);
    else if (verb === 'evict') this.#evict(record);
    else if (verb === 'adopt') this.#adopt(record);
  }

  header(): LineHeader {
    const entries = [];
    for (let entry = this.#first; entry; entry = entry.next) {
      const owners = entry.owners.map(({ key, facts, relieved }) => [key, toWire(facts), ...(relieved ? [true] : [])]);
      entries.push([entry.ticket, entry.id, owners, entry.ask, entry.at, entry.label]);
    }
    return { name: this.name, ...this.config, last: this.#last, entries };
  }

  /** `["enter", id, facts, ask, at, label]` joins the line; a `try` only if it holds at once. */
  #enter(record: JournalRecord, onlyIfGranted: boolean): void {
    // By index: every acquire comes through here, and taking an array apart costs an iterator.
    const id = record[1];
    const ask = record[3];
    const at = record[4];
    const label = record[5];
    const facts = fromWire(record[2]);
    if (!facts || !this.#isAsk(ask) || !isCount(at) || at > MAX_TICKET || !isLabel(label)) return;
    if (this.size >= MAX_ENTRIES || (onlyIfGranted && !this.wouldGrant(ask))) return;
    this.#last = Math.max(this.#last + 1, at);
    this.#observer.joined(this.#append(this.#last, id, [{ key: keyOf(id), facts, relieved: false }], ask, at, label));
  }

  /** `["leave", id, ticket, at]` */
  #leave(record: JournalRecord): void {
    const entry = this.#byTicket.get(record[2] as number);
    if (!entry) return;
    this.#remove(entry);
    this.#observer.left(entry, record[1]);
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
    const entry = this.#byTicket.get(ticket as number);
    if (!entry || (owners !== 0 && owners !== entry.owners.length)) return;
    this.#remove(entry);
    this.#observer.evicted(entry, { reason: textOr(reason, 'evicted'), by: textOr(by, 'unknown') });
  }

  /**
   * `["adopt", id, ticket, at, key, facts, relieves]`: one more session keeps the entry alive; if `relieves`
   * is true, it alone. The relieved stay in the list, so that its length still tells an `evict` that
   * was judged before from one that was judged after.
   */
  #adopt([, , ticket, , key, wire, relieves]: JournalRecord): void {
    const entry = this.#byTicket.get(ticket as number);
    const facts = fromWire(wire);
    if (!entry || !facts || !isLabel(key) || entry.owners.length >= MAX_OWNERS) return;
    if (relieves === true) for (const owner of entry.owners) owner.relieved = true;
    entry.owners.push({ key, facts, relieved: false });
  }

  #isAsk(ask: unknown): ask is number {
    return isCount(ask) && ask <= this.config.permits && (ask > 0 || this.config.kind === 'lock');
  }

  #append(ticket: number, id: string, owners: Owner[], ask: number, at: number, label: string): Entry {
    const entry: Entry = { ticket, id, owners, ask, at, label, holding: false, next: null, previous: this.#tail };
    if (this.#tail) this.#tail.next = entry;
    else this.#first = entry;
    this.#tail = entry;
    this.#byTicket.set(ticket, entry);
    this.#firstWaiting ??= entry;
    this.#grant(entry);
    return entry;
  }

  #remove(entry: Entry): void {
    this.#byTicket.delete(entry.ticket);
    if (entry.previous) entry.previous.next = entry.next;
    else this.#first = entry.next;
    if (entry.next) entry.next.previous = entry.previous;
    else this.#tail = entry.previous;
    if (entry.holding) this.#held -= weightOf(entry.ask);
    else if (this.#firstWaiting === entry) this.#firstWaiting = entry.next;
    this.#grant(null);
  }

  /** Lets waiters in, from the front, as long as they fit. `newcomer` is told of by its own `enter`. */
  #grant(newcomer: Entry | null): void {
    for (let entry = this.#firstWaiting; entry; entry = entry.next) {
      if (this.#held + weightOf(entry.ask) > this.#capacity) break;
      this.#held += weightOf(entry.ask);
      entry.holding = true;
      this.#firstWaiting = entry.next;
      if (entry !== newcomer) this.#observer.granted(entry);
    }
  }

  #restore(wire: unknown): void {
    const [ticket, id, owners, ask, at, label] = Array.isArray(wire) ? (wire as unknown[]) : [];
    const restored = Array.isArray(owners) ? owners.map(restoreOwner) : [];
    const whole = restored.length > 0 && restored.every((owner) => owner !== null);
    const inOrder = isCount(ticket) && ticket > (this.#tail?.ticket ?? -1) && ticket <= this.#last;
    if (!whole || !inOrder || typeof id !== 'string' || !this.#isAsk(ask) || !isCount(at) || !isLabel(label)) {
      throw new RangeError(`its header has an entry that is none: ${JSON.stringify(wire)?.slice(0, 100)}`);
    }
    this.#append(ticket, id, restored, ask, at, label);
  }
}

function restoreOwner(wire: unknown): Owner | null {
  const [key, facts, relieved] = Array.isArray(wire) ? (wire as unknown[]) : [];
  const known = fromWire(facts);
  return known && isLabel(key) ? { key, facts: known, relieved: relieved === true } : null;
}

function isLabel(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_LABEL;
}

function textOr(value: unknown, otherwise: string): string {
  return isLabel(value) ? value : otherwise;
}

function checkHeader(header: unknown): LineHeader {
  const { name, kind, permits, last, entries } = (header ?? {}) as Partial<LineHeader>;
  if (typeof name !== 'string' || typeof kind !== 'string')
    throw new RangeError('its header names no kind of resource');
  if (!isCount(permits) || permits === 0 || permits > MAX_PERMITS)
    throw new RangeError('its header names no number of permits');
  if (!isCount(last) || !Array.isArray(entries)) throw new RangeError('its header has no line');
  return { name, kind, permits, last, entries };
}
