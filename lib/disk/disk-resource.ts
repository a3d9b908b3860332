import type { JournalRecord } from '../journal/record.ts';
import { type Action, actionRecord, admitsSome } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import { type Entry, type Eviction, type Keeps, keptToWire } from '../line/entry.ts';
import { type Answer, isJoined } from '../line/outcome.ts';
import type { Judge } from '../session/liveness.ts';
import { viewLine } from '../store/line-view.ts';
import type { AdoptOptions, ForgetOptions, LineView, Request } from '../store/store.ts';
import { type TakesRange, type TakesView, viewTakes } from '../store/takes-view.ts';
import { Adoption } from './adoption.ts';
import { AgreedConfig } from './agreed-config.ts';
import { DeadEntries } from './dead-entries.ts';
import { Departure } from './departure.ts';
import { DiskEntry, type EntryResource } from './disk-entry.ts';
import { Entrance } from './entrance.ts';
import { EntryWaits, type WaitedFor } from './entry-waits.ts';
import { countBefore, inFrontOf } from './in-front.ts';
import { Ledger, type LedgerOptions } from './ledger.ts';
import { OwnEntries } from './own-entries.ts';

/** A newcomer to the line trusts a look at those before it that is no older. */
const JUDGED_LATELY_MS = 20;

export interface DiskResourceOptions extends LedgerOptions {
  judge: Judge;
}

/**
 * One resource on disk, as one session sees it: its line, and our own entries in it. Synchronous, and every method
 * leaves our entries' states agreeing with what it read.
 */
export class DiskResource implements EntryResource, WaitedFor {
  readonly name: string;
  readonly waits: EntryWaits;
  readonly #options: DiskResourceOptions;
  readonly #own: OwnEntries;
  readonly #ledger: Ledger;
  readonly #dead: DeadEntries;
  readonly #entrance: Entrance;
  readonly #adoption: Adoption;
  readonly #departure: Departure;
  readonly #config: AgreedConfig;

  private constructor(options: DiskResourceOptions, own: OwnEntries, ledger: Ledger) {
    const { host, presence, judge, name, directory } = options;
    this.name = name;
    this.#options = options;
    this.#own = own;
    this.#ledger = ledger;
    this.waits = new EntryWaits({ clock: host.clock, presence, judge, resource: this });
    const claim = (stray: Entry) => this.#claim(stray);
    this.#departure = new Departure({ clock: host.clock, session: presence.session, ledger, own, claim });
    this.#dead = new DeadEntries({ host, presence, judge, ledger });
    this.#entrance = new Entrance({
      ...{ resource: this, presence, ledger, own, dead: this.#dead, abandoned: this.#departure.abandoned },
      directory,
    });
    this.#adoption = new Adoption({ host, presence, ledger, own, name, directory });
    this.#config = new AgreedConfig({ ledger, place: { subject: name, directory }, forget: () => this.forget() });
  }

  /**
   * Opens a resource, and makes it if `initial` is given. Null if it is not there.
   *
   * @throws {StoreError}
   */
  static open(options: DiskResourceOptions, initial: Config | null): DiskResource | null {
    const own = new OwnEntries(options.presence);
    const ledger = Ledger.open(options, own, initial);
    return ledger && new DiskResource(options, own, ledger);
  }

  get inUse(): boolean {
    return this.#own.size > 0 || this.#own.isUnsure;
  }

  /** Our entries in the line that this session answers for. */
  get entries(): DiskEntry[] {
    return this.#own.all();
  }

  close(): void {
    this.#ledger.close();
  }

  /** Whether it was deleted or forgotten, as far as is known here: the next caller opens the resource anew. */
  get isOver(): boolean {
    return this.#ledger.isOver;
  }

  /** @throws {ConfigMismatchError} */
  check(config: Config): void {
    this.#config.check(config);
  }

  /** Ends the resource itself, unless it is in use: then false. */
  forget({ idleMs }: ForgetOptions = {}): boolean {
    const ledger = this.#ledger;
    // If it is over, another session has done it.
    const outcome = ledger.unlessOver(1, () => {
      this.refresh();
      this.#dead.expelAll();
      const { size, value, hasValue, isOwing } = ledger.line;
      if (size > 0 || isOwing) return null;
      if (idleMs !== undefined && (hasValue || ledger.idleMs() < idleMs)) return null;
      return ledger.write(['forget', ledger.nextId(), ledger.now(), value], false);
    });
    return outcome !== null;
  }

  join(config: Config, request: Request): DiskEntry {
    this.#config.checkOrResize(config);
    this.flushAbandoned();
    if (request.onlyIfGranted) return this.#entrance.tryEnter(request);
    if (request.steal) return this.#entrance.steal(request);
    this.#dead.sweepLeftovers();
    const entry = this.#entrance.enter(request);
    // In a busy line another session has looked just now, and judging costs more than passing the lock on.
    if (entry.state === 'waiting' && this.#dead.sinceJudgedMs > JUDGED_LATELY_MS) this.#expelInWayOf(entry, request);
    return entry;
  }

  /** Evicts the dead that a newcomer need not wait for: in a line whose first entry lives, that takes one judgement. */
  #expelInWayOf(own: DiskEntry, { ask }: Request): void {
    const { waitsForAll, items } = this.#ledger.line;
    // The item of any dead taker may be its own.
    if (waitsForAll || items) this.expelDeadBefore(own);
    else expelQuietly(() => this.#dead.expelInWayOf(ask));
  }

  /** Evicts the dead before an entry (null: anywhere). True if there were any. `most`: as of `DeadEntries.expel`. */
  expelDead(own: DiskEntry | null, most?: number): boolean {
    return this.#dead.expel(own?.ticket ?? null, most);
  }

  /**
   * The same for an entry of ours that is in line. Best effort, whatever goes wrong: the entry stays in line, its
   * owner must get it, and the next poll looks again.
   */
  expelDeadBefore(own: DiskEntry, most?: number): void {
    expelQuietly(() => this.expelDead(own, most));
  }

  leave(own: DiskEntry): void {
    this.#departure.leave(own);
  }

  /** As `Store.done`. */
  done(own: DiskEntry): void {
    this.#departure.done(own);
  }

  /** As `Store.abandon`. */
  abandon(own: DiskEntry, passOn: Eviction | null = null): void {
    this.#departure.abandon(own, passOn);
  }

  /** Ends our abandoned entries, as far as that can be written now. */
  flushAbandoned(): void {
    this.#departure.abandoned.flush();
  }

  adopt(own: DiskEntry, pid: number, options: AdoptOptions): boolean {
    return this.#adoption.adopt(own, pid, options);
  }

  keep(own: DiskEntry, { held, waits }: Keeps): void {
    if (this.isGone() || !this.#own.has(own)) return;
    const ledger = this.#ledger;
    const record: JournalRecord = ['keep', ledger.nextId(), own.ticket, ledger.now(), keptToWire(held), waits];
    this.#ledger.unlessOver(null, () => ledger.write(record, false));
  }

  /** @throws {ConfigMismatchError} */
  act(config: Config, action: Action): Answer {
    this.check(config);
    // The dead must not be admitted in place of the living.
    if (admitsSome(action)) {
      this.refresh();
      this.#dead.expelAll();
    }
    const outcome = this.#ledger.write(actionRecord(action, this.#ledger.nextId(), this.#ledger.now()), true);
    return isJoined(outcome) ? null : outcome;
  }

  /** Of a counter; else null. */
  takes(range: TakesRange): TakesView | null {
    const { count } = this.#ledger.line;
    return count && viewTakes(count, range);
  }

  /** Ends an entry of any owner. False if there is none. */
  evict(ticket: number, eviction: Eviction): boolean {
    return this.#departure.evict(ticket, eviction);
  }

  /** Reads what is new, and moves our entries' states. */
  refresh(): void {
    this.#ledger.refresh();
  }

  /** The same, and makes sure that the journal read is still the one in the store. */
  refreshInPlace(): void {
    this.#ledger.refreshInPlace();
  }

  /** As `Ledger.isGone`. */
  isGone(): boolean {
    return this.#ledger.isGone();
  }

  get judgesAtOnce(): boolean {
    return this.#options.judge.judgesAtOnce;
  }

  /** How many wait in front of an entry that waits, counted up to `most`. */
  waitingBefore(own: DiskEntry, most: number): number {
    return countBefore(own.ticket, this.#ledger.line.firstWaiting, most);
  }

  /** How many wait or hold in front of it, counted up to `most`. */
  entriesBefore(own: DiskEntry, most: number): number {
    return countBefore(own.ticket, this.#ledger.line.first, most);
  }

  /** The entries one of which must end before an entry that waits can move up; empty where they are too many to watch. */
  inFrontOf(own: DiskEntry): readonly Entry[] {
    return inFrontOf(own.ticket, this.#ledger.line);
  }

  view(): LineView {
    const { line, revision } = this.#ledger;
    return viewLine(line, this.#options.judge, this.#options.presence.session, revision);
  }

  /** Our part in an entry that no caller has; null if it has ended since. */
  #claim({ ticket, id }: Entry): DiskEntry | null {
    const entry = this.#ledger.line.find(ticket);
    if (entry?.id !== id) return null;
    const own = new DiskEntry(this, { entry, waitingBefore: 0 });
    this.#own.add(own);
    return own;
  }
}

function expelQuietly(expel: () => boolean): void {
  try {
    expel();
  } catch {
    // The holder is dead at the next look, too.
  }
}
