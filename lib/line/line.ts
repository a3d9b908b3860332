import type { JournalRecord } from '../journal/record.ts';
import { actionOf } from './action.ts';
import { Arrivals } from './arrivals.ts';
import { type Config, checkHeader, emptyHeader, type LineHeader } from './config.ts';
import type { Count } from './count.ts';
import { addOwner, type Entry, entryToWire, isLabel, keepsFromWire } from './entry.ts';
import { Gate } from './gate.ts';
import type { Item } from './item.ts';
import type { Items } from './items.ts';
import type { LineObserver } from './observer.ts';
import type { Outcome } from './outcome.ts';
import { Tickets } from './tickets.ts';
import { TurnOrder } from './turn-order.ts';
import { WaitersInLine } from './waiters-in-line.ts';

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
  readonly #order: TurnOrder;
  readonly #tickets: Tickets;
  /** Decides instead of permits. Null for a lock and a semaphore. */
  readonly #gate: Gate | null;
  readonly #arrivals: Arrivals;
  #isForgotten = false;

  /** @throws {RangeError} if the header is not one that `header()` gives */
  constructor(header: unknown, observer: LineObserver) {
    const checked = checkHeader(header);
    const { name, kind, permits, last, token, entries } = checked;
    this.name = name;
    this.config = { kind, permits };
    this.#observer = observer;
    const isGated = kind !== 'lock' && kind !== 'semaphore';
    this.#order = new TurnOrder({
      permits,
      isOpen: isGated ? () => this.#gate?.isOpen === true : null,
      onHold: (entry) => this.#arrivals.hold(entry),
    });
    this.#gate = isGated ? new Gate(this.config, checked, new WaitersInLine(this.#order, observer)) : null;
    this.#tickets = new Tickets(last, token);
    const [order, gate, tickets] = [this.#order, this.#gate, this.#tickets];
    this.#arrivals = new Arrivals({ config: this.config, order, gate, tickets, observer });
    for (const wire of entries) this.#arrivals.restore(wire);
    this.items?.restored();
  }

  get size(): number {
    return this.#order.size;
  }

  /** How many entries wait. */
  get waiting(): number {
    return this.#order.waiting;
  }

  get first(): Entry | null {
    return this.#order.first;
  }

  get firstWaiting(): Entry | null {
    return this.#order.firstWaiting;
  }

  get value(): number {
    return this.#gate?.value ?? 0;
  }

  /** Of a counter: its number, and what it remembers of takes. Else null. */
  get count(): Count | null {
    return this.#gate?.count ?? null;
  }

  /** Of a queue: its items. Else null. */
  get items(): Items | null {
    return this.#gate?.items ?? null;
  }

  /** Whether it has what was confirmed to somebody: takes that are logged, or items that are queued. Then it is not forgotten. */
  get isOwing(): boolean {
    return (this.count?.logged ?? 0) > 0 || (this.items?.queued ?? 0) > 0;
  }

  /** Whether it has anything to lose, beside its entries: a value, or what it remembers of takes or puts. */
  get hasValue(): boolean {
    return this.value !== 0 || this.count?.isPlain === false || this.items?.isPlain === false;
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
    return this.#order.find(ticket);
  }

  /** Whether an entry that asks for this much would hold at once if it joined now. */
  wouldGrant(ask: number): boolean {
    return this.#order.wouldAdmit(ask);
  }

  /** Folds one record in. A record that is not exactly of this format changes nothing. */
  apply(record: JournalRecord): Outcome {
    const verb = record[0];
    if (verb === 'enter' || verb === 'try') return this.#arrivals.enter(record, verb === 'try');
    if (verb === 'leave') return this.#leave(record, false);
    if (verb === 'done') return this.#leave(record, true);
    if (verb === 'evict') return this.#evict(record);
    if (verb === 'adopt') return this.#adopt(record);
    if (verb === 'keep') return this.#keep(record);
    if (verb === 'steal') return this.#arrivals.steal(record);
    if (verb === 'forget') return this.#forget(record);
    const action = actionOf(record, this.config.kind);
    return action && (this.#gate?.act(action, Number(record[2])) ?? null);
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
    const takes = this.count?.toWire();
    const items = this.items?.toWire(this.#taken());
    const value = this.value;
    return {
      name: this.name,
      ...this.config,
      last,
      token,
      value,
      entries,
      ...(takes && { takes }),
      ...(items && { items }),
    };
  }

  /** Of a queue: what its entries have taken, by their tickets. */
  #taken(): Array<[number, Item]> {
    const taken: Array<[number, Item]> = [];
    for (let entry = this.first; entry; entry = entry.next) if (entry.item) taken.push([entry.ticket, entry.item]);
    return taken;
  }

  /** `["leave", id, ticket, at]`. A `done` is the same for an entry that has taken an item of a queue, and ends that, too. */
  #leave(record: JournalRecord, isDone: boolean): number | null {
    const entry = this.find(record[2] as number);
    if (!entry || (isDone && entry.item === null)) return null;
    const { holding } = entry;
    // Before a waiter is admitted in its place: it takes what this one gives back.
    this.#gate?.ends(entry, isDone);
    this.#order.remove(entry);
    this.#observer.left(entry, record[1]);
    if (!holding) this.#gate?.missed('a party gave up waiting');
    return 1;
  }

  /**
   * `["evict", id, ticket, at, owners, reason, by]`. `owners` is how many owners were judged dead, or
   * 0 to end the entry of any owner. The number closes a race:
   *   1. a waiter finds an entry's only owner dead, and is about to write `evict`;
   *   2. before dying, that owner wrote `adopt` for its child, which lives on;
   *   3. the `evict` stands behind the `adopt`, and would free what the child still needs.
   * With one owner judged and two there, the eviction is void.
   */
  #evict([, , ticket, , owners, reason, by]: JournalRecord): number | null {
    const entry = this.find(ticket as number);
    if (!entry || (owners !== 0 && owners !== entry.owners.length)) return null;
    const { holding } = entry;
    this.#gate?.ends(entry, false);
    this.#order.remove(entry);
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

  /** `["forget", id, at, value]` ends the resource, if nobody is in line, its value is the one that was seen, and it owes nothing to anybody. */
  #forget([, , , value]: JournalRecord): number | null {
    if (this.size > 0 || value !== this.value || this.isOwing) return null;
    this.#isForgotten = true;
    return 1;
  }
}

function textOr(value: unknown, otherwise: string): string {
  return isLabel(value) ? value : otherwise;
}
