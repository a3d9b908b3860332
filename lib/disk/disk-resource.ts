import { ConfigMismatchError, StoreError } from '../errors.ts';
import { goneError } from '../journal/journal-error.ts';
import type { JournalRecord } from '../journal/record.ts';
import { type Action, actionRecord, admitsSome } from '../line/action.ts';
import { type Config, describeConfig, isResizable, isSameConfig } from '../line/config.ts';
import { type Entry, type Eviction, type Keeps, keptToWire } from '../line/entry.ts';
import type { Outcome } from '../line/outcome.ts';
import { toWire } from '../session/facts.ts';
import type { Judge } from '../session/liveness.ts';
import { ownerFor } from '../session/session.ts';
import { viewLine } from '../store/line-view.ts';
import type { AdoptOptions, ForgetOptions, LineView, Request } from '../store/store.ts';
import { AbandonedEntries } from './abandoned-entries.ts';
import { DeadEntries } from './dead-entries.ts';
import { DiskEntry, type EntryResource } from './disk-entry.ts';
import { Entrance } from './entrance.ts';
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
export class DiskResource implements EntryResource {
  readonly name: string;
  readonly #options: DiskResourceOptions;
  readonly #own: OwnEntries;
  readonly #ledger: Ledger;
  readonly #dead: DeadEntries;
  readonly #abandoned: AbandonedEntries;
  readonly #entrance: Entrance;

  private constructor(options: DiskResourceOptions, own: OwnEntries, ledger: Ledger) {
    this.name = options.name;
    this.#options = options;
    this.#own = own;
    this.#ledger = ledger;
    const { host, presence, judge } = options;
    this.#dead = new DeadEntries({ host, presence, judge, ledger });
    this.#abandoned = new AbandonedEntries({
      clock: host.clock,
      own,
      refresh: () => this.refreshInPlace(),
      end: (entry, passOn) => this.#end(entry, passOn),
      claim: (stray) => this.#claim(stray),
    });
    this.#entrance = new Entrance({
      ...{ resource: this, presence, ledger, own, dead: this.#dead, abandoned: this.#abandoned },
      directory: options.directory,
    });
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
    if (isSameConfig(config, this.#ledger.line.config)) return;
    // It may have been forgotten since the last look, and made anew.
    this.#ledger.refresh();
    if (this.isOver) throw this.#goneError();
    throw new ConfigMismatchError(this.name, describeConfig(this.#ledger.line.config), describeConfig(config));
  }

  /** A lock or semaphore with other permits that nobody uses is forgotten where the caller wants that, and then opened anew. */
  #checkOrResize(config: Config): void {
    try {
      this.check(config);
    } catch (error) {
      if (!(error instanceof ConfigMismatchError) || !config.resize) throw error;
      if (!isResizable(config, this.#ledger.line.config) || !this.forget()) throw error;
      this.#ledger.refresh();
      throw this.#goneError();
    }
  }

  /** Ends the resource itself, unless it is in use: then false. */
  forget({ idleMs }: ForgetOptions = {}): boolean {
    const ledger = this.#ledger;
    // If it is over, another session has done it.
    const outcome = this.#unlessOver(1, () => {
      this.refresh();
      this.#dead.expelAll();
      const { size, value } = ledger.line;
      if (size > 0 || (idleMs !== undefined && (value !== 0 || ledger.idleMs() < idleMs))) return null;
      return ledger.write(['forget', ledger.nextId(), ledger.now(), value], false);
    });
    return outcome !== null;
  }

  join(config: Config, request: Request): DiskEntry {
    this.#checkOrResize(config);
    this.flushAbandoned();
    if (request.onlyIfGranted) return this.#entrance.tryEnter(request);
    if (request.steal) return this.#entrance.steal(request);
    this.#dead.sweepLeftovers();
    const entry = this.#entrance.enter(request);
    // In a busy line another session has looked just now, and judging costs more than passing the lock on.
    if (entry.state === 'waiting' && this.#dead.sinceJudgedMs > JUDGED_LATELY_MS) this.expelDeadBefore(entry);
    return entry;
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
    try {
      this.expelDead(own, most);
    } catch {
      // The holder is dead at the next look, too.
    }
  }

  leave(own: DiskEntry): void {
    if (this.isGone() || !this.#own.has(own)) return;
    const id = this.#ledger.nextId();
    const at = this.#ledger.now();
    // Our own numbers and key: nothing in them needs quoting.
    const json = `["leave","${id}",${own.ticket},${at}]`;
    this.#unlessOver(null, () => this.#ledger.append(['leave', id, own.ticket, at], json));
    this.#ledger.settle(true);
  }

  /** As `Store.abandon`. */
  abandon(own: DiskEntry, passOn: Eviction | null = null): void {
    try {
      this.#end(own, passOn);
    } catch (error) {
      this.#abandoned.add(own, passOn);
      throw error;
    }
  }

  /** Ends our abandoned entries, as far as that can be written now. */
  flushAbandoned(): void {
    this.#abandoned.flush();
  }

  adopt(own: DiskEntry, pid: number, { handOver, lifeline }: AdoptOptions): boolean {
    const { host, presence } = this.#options;
    const owner = this.isGone() ? null : ownerFor(host, pid);
    if (!owner) {
      lifeline?.discard();
      return false;
    }
    if (handOver) presence.commands.entrust(owner, lifeline ?? null);
    else {
      presence.announceFor(owner, lifeline);
      own.adopters.push(owner);
    }
    const { ticket } = own;
    try {
      const id = this.#ledger.nextId();
      const record: JournalRecord = ['adopt', id, ticket, this.#ledger.now(), owner.key, toWire(owner.facts), handOver];
      if (this.#unlessOver(null, () => this.#ledger.write(record, true)) === null) this.#checkOwners(ticket);
    } catch (error) {
      // If the record may count, the process may own the entry: then others must be able to judge it.
      if (!isUnsure(error)) own.disown(owner, presence);
      throw error;
    }
    if (own.state === 'holding' && handOver) this.#own.drop(own, 'handed over');
    return true;
  }

  keep(own: DiskEntry, { held, waits }: Keeps): void {
    if (this.isGone() || !this.#own.has(own)) return;
    const ledger = this.#ledger;
    const record: JournalRecord = ['keep', ledger.nextId(), own.ticket, ledger.now(), keptToWire(held), waits];
    this.#unlessOver(null, () => ledger.write(record, false));
  }

  /** @throws {ConfigMismatchError} */
  act(config: Config, action: Action): number | null {
    this.check(config);
    // The dead must not be admitted in place of the living.
    if (admitsSome(action)) {
      this.refresh();
      this.#dead.expelAll();
    }
    const outcome = this.#ledger.write(actionRecord(action, this.#ledger.nextId(), this.#ledger.now()), true);
    return typeof outcome === 'number' ? outcome : null;
  }

  /** Ends an entry, whoever owns it. False if there is none. */
  evict(ticket: number, { reason, by }: Eviction): boolean {
    this.refresh();
    const ledger = this.#ledger;
    if (!ledger.line.find(ticket)) return false;
    const record: JournalRecord = ['evict', ledger.nextId(), ticket, ledger.now(), 0, reason, by];
    return this.#unlessOver(null, () => ledger.write(record, true)) !== null;
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
    return countUntil(this.#ledger.line.firstWaiting, own, most);
  }

  /** How many wait or hold in front of it, counted up to `most`. */
  entriesBefore(own: DiskEntry, most: number): number {
    return countUntil(this.#ledger.line.first, own, most);
  }

  view(): LineView {
    return viewLine(this.#ledger.line, this.#options.judge, this.#options.presence.session);
  }

  #end(own: DiskEntry, passOn: Eviction | null): void {
    if (passOn === null || own.state !== 'holding') this.leave(own);
    else if (!this.isGone() && this.#own.has(own)) this.evict(own.ticket, passOn);
  }

  /** Our part in an entry that no caller has; null if it has ended since. */
  #claim({ ticket, id }: Entry): DiskEntry | null {
    const entry = this.#ledger.line.find(ticket);
    if (entry?.id !== id) return null;
    const own = new DiskEntry(this, { entry, waitingBefore: 0 });
    this.#own.add(own);
    return own;
  }

  /** The outcome of a record; `over` if the resource ended before it: then the entry that it was about had ended, too. */
  #unlessOver(over: Outcome, call: () => Outcome): Outcome {
    try {
      return call();
    } catch (error) {
      if (this.isOver) return over;
      throw error;
    }
  }

  #goneError(): StoreError {
    return goneError({ subject: this.name, directory: this.#options.directory });
  }

  /** A line ignores an owner too many. A process that believed itself adopted would be unprotected. */
  #checkOwners(ticket: number): void {
    const entry = this.#ledger.line.find(ticket);
    if (!entry) return;
    throw new StoreError(
      'STORE_BUSY',
      `${this.name}: this entry has ${entry.owners.length} owners, and takes no more: the process was not adopted. Let one process own it, and start the others.`,
      { operation: 'adopt', resource: this.name, path: this.#options.directory },
    );
  }
}

function countUntil(from: Entry | null, { ticket }: DiskEntry, most: number): number {
  let count = 0;
  for (let entry = from; entry && count < most && entry.ticket !== ticket; entry = entry.next) count += 1;
  return count;
}

function isUnsure(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'STORE_UNSURE';
}
