import { ConfigMismatchError, StoreError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { Journal } from '../journal/journal.ts';
import { otherNameError } from '../journal/journal-error.ts';
import type { JournalRecord } from '../journal/record.ts';
import { type Action, actionRecord } from '../line/action.ts';
import { type Config, describeConfig, emptyHeader } from '../line/config.ts';
import { type Keeps, keptToWire } from '../line/entry.ts';
import { type Eviction, Line } from '../line/line.ts';
import { toWire } from '../session/facts.ts';
import type { Judge } from '../session/liveness.ts';
import { ownerFor } from '../session/session.ts';
import type { Presence } from '../session/session-file.ts';
import { viewLine } from '../store/line-view.ts';
import type { AdoptOptions, LineView, Request } from '../store/store.ts';
import type { EntryResource } from './disk-entry.ts';
import { DiskEntry } from './disk-entry.ts';
import { DeadEntries, type Ledger } from './eviction.ts';
import { OwnEntries } from './own-entries.ts';

/** How often a `try` is repeated after it found the dead in its way. */
const MAX_TRIES = 3;
/** The verbs that put an entry into the line. */
const JOINING = ['enter', 'try', 'steal'];
/** A newcomer to the line trusts a look at those before it that is no older. */
const JUDGED_LATELY_MS = 20;
/** How often it is tried again to take out of the line what nobody wants there. */
const DEBT_EVERY_MS = 1_000;
/** How often an open journal is checked for being the one in the store. */
const IN_PLACE_EVERY_MS = 100;

export interface DiskResourceOptions {
  host: Host;
  presence: Presence;
  judge: Judge;
  /** The resource's own directory. */
  directory: string;
  name: string;
  fileMode: number;
  rotateBytes?: number;
  keptEpochs?: number;
  /** Only look: nothing is written, not even the next epoch of a journal that was left sealed. */
  readOnly?: boolean;
}

/**
 * One resource on disk, as one session sees it: the journal folded into the line, and our own entries
 * in it. Synchronous, and every method leaves our entries' states agreeing with what it read.
 */
export class DiskResource implements EntryResource {
  readonly name: string;
  readonly #options: DiskResourceOptions;
  readonly #own: OwnEntries;
  readonly #dead: DeadEntries;
  #journal: Journal<Line>;
  #line: Line;
  #inPlaceAt = Number.NEGATIVE_INFINITY;
  #gone = false;
  #label = '';
  #labelJson = '""';
  /** Entries of ours that nobody will release, and whose end could not be written yet; and as what it is to be written. */
  readonly #unwanted = new Map<DiskEntry, Eviction | null>();
  #isDunned = false;

  private constructor(options: DiskResourceOptions, own: OwnEntries, journal: Journal<Line>) {
    this.name = options.name;
    this.#options = options;
    this.#own = own;
    this.#journal = journal;
    this.#line = journal.machine;
    const { host, presence, judge } = options;
    const ledger: Ledger = { line: () => this.#line, write: (record, poke) => this.#write(record, poke) };
    this.#dead = new DeadEntries({ host, presence, judge, ledger });
  }

  /**
   * Opens a resource, and makes it if `initial` says as what. Null if it is not there.
   *
   * @throws {StoreError}
   */
  static open(options: DiskResourceOptions, initial: Config | null): DiskResource | null {
    const own = new OwnEntries(options.presence);
    const journal = openJournal(options, own, initial);
    return journal && new DiskResource(options, own, journal);
  }

  get inUse(): boolean {
    return this.#own.size > 0 || this.#own.isUnsure;
  }

  /** Our entries in the line that this session answers for. */
  get entries(): DiskEntry[] {
    return this.#own.all();
  }

  close(): void {
    this.#journal.close();
  }

  /** @throws {ConfigMismatchError} */
  check(config: Config): void {
    const { kind, permits } = this.#line.config;
    if (config.kind === kind && config.permits === permits) return;
    throw new ConfigMismatchError(this.name, describeConfig({ kind, permits }), describeConfig(config));
  }

  join(config: Config, request: Request): DiskEntry {
    this.check(config);
    this.payDebts();
    if (request.onlyIfGranted) return this.#tryJoin(request);
    if (request.steal) return this.#stolen(request);
    if (config.kind === 'barrier') {
      this.refresh();
      this.#dead.sweepBarrier();
    }
    const entry = this.#enter('enter', request);
    // In a busy line somebody has looked just now, and judging costs more than a hand-over.
    if (entry.state === 'waiting' && this.#dead.sinceJudgedMs > JUDGED_LATELY_MS) this.expelDeadBefore(entry);
    return entry;
  }

  /**
   * Evicts the dead before an entry of ours that is in line, as far as that can be done. Best effort, whatever goes
   * wrong: the entry stays in line, its owner must get it, and the next poll looks again.
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
    const id = this.#nextId();
    const at = this.#now();
    // Our own numbers and key: nothing in them needs quoting.
    this.#append(['leave', id, own.ticket, at], `["leave","${id}",${own.ticket},${at}]`);
    this.#settle(true);
  }

  /**
   * The same for an entry that nobody will come back to. Where it fails it is tried again, before the next entry of
   * ours joins and once a second, until it is done or the process ends. `passOn`: as in `Store.abandon`.
   */
  abandon(own: DiskEntry, passOn: Eviction | null = null): void {
    try {
      this.#end(own, passOn);
    } catch (error) {
      this.#unwanted.set(own, passOn);
      this.#dun();
      throw error;
    }
  }

  #end(own: DiskEntry, passOn: Eviction | null): void {
    if (passOn === null || own.state !== 'holding') this.leave(own);
    else if (!this.isGone() && this.#own.has(own)) this.evict(own.ticket, passOn);
  }

  /** Takes out of the line what of ours nobody wants in it. What cannot be written now stays owed. */
  payDebts(): void {
    if (this.#unwanted.size === 0 && !this.#own.isUnsure) return;
    try {
      this.refreshInPlace();
      this.#noteStrays();
      for (const [own, passOn] of this.#unwanted) {
        this.#end(own, passOn);
        this.#unwanted.delete(own);
      }
    } catch {
      this.#dun();
    }
  }

  adopt(own: DiskEntry, pid: number, { handOver }: AdoptOptions): boolean {
    if (this.isGone()) return false;
    const owner = ownerFor(this.#options.host, pid);
    if (!owner) return false;
    if (!handOver) {
      this.#options.presence.announceFor(owner);
      own.adopters.push(owner);
    }
    try {
      this.#write(['adopt', this.#nextId(), own.ticket, this.#now(), owner.key, toWire(owner.facts), handOver], true);
      this.#checkAdopted(own, owner.key);
    } catch (error) {
      // If the record may count, the process may own the entry: then others must be able to judge it.
      if (!isUnsure(error)) own.disown(owner, this.#options.presence);
      throw error;
    }
    if (own.state === 'holding' && handOver) this.#own.drop(own, 'handed over');
    return true;
  }

  /** A line passes over an owner too many. Whoever believed that it was adopted would be unprotected. */
  #checkAdopted(own: DiskEntry, key: string): void {
    const entry = this.#line.find(own.ticket);
    if (!entry || entry.owners.some((owner) => owner.key === key)) return;
    throw new StoreError(
      'STORE_BUSY',
      `${this.name}: this entry has ${entry.owners.length} owners, and takes no more: the process was not adopted. Let one process own it, and start the others.`,
      { operation: 'adopt', resource: this.name, path: this.#options.directory },
    );
  }

  keep(own: DiskEntry, { held, waits }: Keeps): void {
    if (this.isGone() || !this.#own.has(own)) return;
    this.#write(['keep', this.#nextId(), own.ticket, this.#now(), keptToWire(held), waits], false);
  }

  /** @throws {ConfigMismatchError} */
  act(config: Config, action: Action): number | null {
    this.check(config);
    // The dead must not be woken in place of the living.
    if (action.do === 'notify') {
      this.refresh();
      this.#dead.expelAll();
    }
    const id = this.#nextId();
    this.#own.expect(id);
    this.#appendPlain(actionRecord(action, id, this.#now()));
    const { outcome } = this.#own;
    this.#settle(true);
    return outcome;
  }

  /** Whether this is a barrier that is broken. */
  get isBroken(): boolean {
    return this.#line.config.kind === 'barrier' && this.#line.value === 1;
  }

  /** Ends an entry whoever owns it. */
  evict(ticket: number, { reason, by }: Eviction): boolean {
    this.refresh();
    if (!this.#line.find(ticket)) return false;
    this.#write(['evict', this.#nextId(), ticket, this.#now(), 0, reason, by], true);
    return true;
  }

  /** Reads what is new, and moves our entries' states. */
  refresh(): void {
    if (this.#journal.refresh()) this.#settle(false);
  }

  /** The same, and makes sure that the journal read is still the one in the store. */
  refreshInPlace(): void {
    if (!this.isGone()) this.refresh();
  }

  /**
   * Whether the store was deleted or replaced under us; looked up at most every 100 ms. Then what we held
   * there is lost, and nothing more can be done here: who wants the resource opens it anew.
   */
  isGone(): boolean {
    const now = this.#options.host.clock.monotonicMs();
    // Who only looks does so seldom, and may not look again before something changes.
    const everyMs = this.#options.readOnly ? 0 : IN_PLACE_EVERY_MS;
    if (this.#gone || now - this.#inPlaceAt < everyMs) return this.#gone;
    this.#inPlaceAt = now;
    this.#gone = !this.#journal.isInPlace();
    if (this.#gone) this.#own.loseAll('its journal was deleted or replaced');
    else this.#settle(false);
    return this.#gone;
  }

  /**
   * Evicts the dead who stand before an entry (or anywhere). True if there were any.
   * At most `most` are judged in one call; the next call goes on behind them.
   */
  expelDead(own: DiskEntry | null, most?: number): boolean {
    return this.#dead.expel(own?.ticket ?? null, most);
  }

  /** How many wait in front of an entry that waits, counted up to `most`. */
  waitingBefore(own: DiskEntry, most: number): number {
    let count = 0;
    for (let entry = this.#line.firstWaiting; entry && count < most; entry = entry.next) {
      if (entry.ticket === own.ticket) break;
      count += 1;
    }
    return count;
  }

  view(): LineView {
    return viewLine(this.#line, this.#options.judge, this.#options.presence.session);
  }

  #tryJoin(request: Request): DiskEntry {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.refresh();
      // Asking in vain would only make the journal longer for everybody.
      if (this.#line.wouldGrant(request.ask)) {
        const entry = this.#enter('try', request);
        if (entry.state !== 'refused') return entry;
      }
      if (!this.expelDead(null)) break;
    }
    return new DiskEntry(this, null);
  }

  #enter(verb: 'enter' | 'try', { ask, label }: Request): DiskEntry {
    const { session } = this.#options.presence;
    const id = session.nextId();
    const at = this.#now();
    const record: JournalRecord = [verb, id, session.wire, ask, at, label];
    const json = `["${verb}","${id}",${session.factsJson},${ask},${at},${this.#quoted(label)}]`;
    this.#own.expect(id);
    this.#append(record, json);
    // The last party to come to a barrier lets the others in.
    const own = this.#joined(this.#line.config.kind === 'barrier');
    if (own.state === 'refused' && verb === 'enter' && !this.isBroken) throw this.#fullError();
    return own;
  }

  /** Takes the lock from whoever holds it. */
  #stolen({ label }: Request): DiskEntry {
    const { session } = this.#options.presence;
    const id = session.nextId();
    this.#own.expect(id);
    this.#appendPlain(['steal', id, session.wire, this.#now(), label]);
    const own = this.#joined(true);
    if (own.state === 'refused') throw this.#fullError();
    return own;
  }

  /** Our part in the entry that our last record made, refused if it made none. `poke`: it let others in, or ended theirs. */
  #joined(poke = false): DiskEntry {
    const { joined } = this.#own;
    // A rotation behind our record has made the line anew: the entry in it is another object. If it is not there any
    // more, somebody ended it right behind our record: `settle` tells that.
    const entry = joined && (this.#journal.machine.find(joined.entry.ticket) ?? joined.entry);
    const own = new DiskEntry(this, entry && joined ? { ...joined, entry } : null);
    if (joined) this.#own.add(own);
    try {
      this.#settle(poke);
    } catch (error) {
      // The caller gets no entry, so nobody else would ever end it.
      this.#abandonQuietly(own);
      throw error;
    }
    return own;
  }

  /** A label as JSON. Mostly it is the same one every time. */
  #quoted(label: string): string {
    if (label !== this.#label) {
      this.#label = label;
      this.#labelJson = JSON.stringify(label);
    }
    return this.#labelJson;
  }

  #write(record: JournalRecord, poke: boolean): void {
    this.#appendPlain(record);
    this.#settle(poke);
  }

  #appendPlain(record: JournalRecord): void {
    this.#append(record, JSON.stringify(record));
  }

  /** Where this throws, whatever the error is, an entry that the record makes all the same is taken out again. */
  #append(record: JournalRecord, json: string): void {
    try {
      this.#journal.append(record, json);
    } catch (error) {
      if (JOINING.includes(record[0])) {
        this.#own.disown();
        this.#dun();
      }
      // Others' records were folded before it went wrong.
      this.#settle(true);
      throw error;
    }
  }

  #noteStrays(): void {
    for (const { ticket, id } of this.#own.takeStrays()) {
      const entry = this.#line.find(ticket);
      // Somebody has ended it since.
      if (entry?.id !== id) continue;
      const own = new DiskEntry(this, { entry, waitingBefore: 0 });
      this.#own.add(own);
      this.#unwanted.set(own, null);
    }
  }

  #abandonQuietly(own: DiskEntry): void {
    try {
      this.abandon(own);
    } catch {
      // It is tried again.
    }
  }

  #dun(): void {
    if (this.#isDunned) return;
    this.#isDunned = true;
    this.#options.host.clock.timer(DEBT_EVERY_MS, false, () => {
      this.#isDunned = false;
      this.payDebts();
    });
  }

  #nextId(): string {
    return this.#options.presence.session.nextId();
  }

  #now(): number {
    return this.#options.host.clock.wallMicros();
  }

  #settle(poke: boolean): void {
    if (this.#journal.machine !== this.#line) {
      this.#line = this.#journal.machine;
      this.#own.findIn(this.#line);
    }
    this.#own.settle(poke);
  }

  #fullError(): StoreError {
    return new StoreError(
      'STORE_BUSY',
      `${this.name}: its line is full (65,536 entries). Try again when it is shorter.`,
      { operation: 'acquire', resource: this.name, path: this.#options.directory },
    );
  }
}

function isUnsure(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'STORE_UNSURE';
}

/** The journal, up to date, with a line that tells `own` what happens in it from now on. */
function openJournal(options: DiskResourceOptions, own: OwnEntries, initial: Config | null): Journal<Line> | null {
  const { host, presence, directory, name, fileMode, rotateBytes, keptEpochs, readOnly = false } = options;
  const journal = Journal.open<Line>({
    host,
    directory,
    subject: name,
    key: presence.session.key,
    fileMode,
    readOnly,
    ...(rotateBytes === undefined ? {} : { rotateBytes }),
    ...(keptEpochs === undefined ? {} : { keptEpochs }),
    ...(initial ? { initial: () => emptyHeader(name, initial) } : {}),
    load: (header) => new Line(header, own.observer),
  });
  own.forget();
  if (!journal || journal.machine.name === name) return journal;
  journal.close();
  throw otherNameError({ subject: name, directory }, journal.machine.name);
}
