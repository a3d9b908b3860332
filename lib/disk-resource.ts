import { ConfigMismatchError, StoreError } from './errors.ts';
import type { Host } from './host.ts';
import { Journal } from './journal.ts';
import { type Config, type Entry, type Eviction, Line, type Owner } from './line.ts';
import type { Judge } from './liveness.ts';
import type { Presence } from './presence.ts';
import { type JournalRecord, keyOf, toWire } from './record.ts';
import { ownerFor } from './session.ts';
import type { AdoptOptions, EntryState, EntryView, LineView, OwnEntry, Request } from './store.ts';

/** How often a `try` is repeated after it found the dead in its way. */
const MAX_TRIES = 3;
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
}

export class DiskEntry implements OwnEntry {
  readonly resource: DiskResource;
  readonly ticket: number;
  readonly adopters: Owner[] = [];
  state: EntryState;
  eviction: Eviction | null = null;
  /** Called when the state has changed. */
  onChange: (() => void) | null = null;

  constructor(resource: DiskResource, ticket: number, state: EntryState) {
    this.resource = resource;
    this.ticket = ticket;
    this.state = state;
  }

  get name(): string {
    return this.resource.name;
  }
}

/**
 * One resource on disk, as one session sees it: the journal folded into the line, and our own entries
 * in it. Synchronous, and every method leaves our entries' states agreeing with what it read.
 */
export class DiskResource {
  readonly name: string;
  readonly #options: DiskResourceOptions;
  readonly #mine = new Map<number, DiskEntry>();
  #journal: Journal<Line>;
  #line: Line;
  #inPlaceAt = 0;
  #judgeFrom = 0;
  // What a fold found, until `#settle` acts on it.
  #awaited = '';
  #joined: Entry | null = null;
  #granted: Entry[] = [];
  #evicted: Array<{ entry: Entry; eviction: Eviction }> = [];

  private constructor(options: DiskResourceOptions, initial: Config | null) {
    this.name = options.name;
    this.#options = options;
    const journal = this.#open(initial);
    if (!journal) throw new RangeError('no journal');
    this.#journal = journal;
    this.#line = journal.machine;
    this.#forget();
  }

  /** Opens a resource, and makes it if `initial` says as what. Null if it is not there. */
  static open(options: DiskResourceOptions, initial: Config | null): DiskResource | null {
    if (!initial && options.host.files.look(options.directory) === null) return null;
    try {
      return new DiskResource(options, initial);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  get inUse(): boolean {
    return this.#mine.size > 0;
  }

  /** Our entries in the line that this session answers for. */
  get entries(): DiskEntry[] {
    return [...this.#mine.values()];
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
    this.#stayInPlace(config);
    if (request.onlyIfGranted) return this.#tryJoin(request);
    const entry = this.#enter('enter', request);
    if (entry.state === 'waiting') this.expelDead(entry);
    return entry;
  }

  leave(own: DiskEntry): void {
    if (own.state !== 'waiting' && own.state !== 'holding') return;
    this.#stayInPlace(this.#line.config);
    if (this.#mine.has(own.ticket)) {
      const id = this.#options.presence.session.nextId();
      const at = this.#options.host.clock.wallMicros();
      // Our own numbers and key: nothing in them needs quoting.
      this.#journal.append(['leave', id, own.ticket, at], `["leave","${id}",${own.ticket},${at}]`);
      this.#settle(true);
    }
  }

  adopt(own: DiskEntry, pid: number, { handOver }: AdoptOptions): boolean {
    const owner = ownerFor(this.#options.host, pid);
    if (!owner) return false;
    if (!handOver) {
      this.#options.presence.announceFor(owner);
      own.adopters.push(owner);
    }
    this.#append(['adopt', this.#nextId(), own.ticket, this.#now(), owner.key, toWire(owner.facts)]);
    this.#settle(true);
    if (own.state === 'holding' && handOver) this.#drop(own, 'handed over');
    return true;
  }

  /** Ends an entry whoever owns it. */
  evict(ticket: number, { reason, by }: Eviction): boolean {
    this.refresh();
    if (!this.#line.find(ticket)) return false;
    this.#append(['evict', this.#nextId(), ticket, this.#now(), 0, reason, by]);
    this.#settle(true);
    return true;
  }

  /** Reads what is new, and moves our entries' states. */
  refresh(): void {
    if (this.#journal.refresh()) this.#settle(false);
  }

  /** The same, and makes sure that the journal read is still the one in the store. */
  refreshInPlace(): void {
    this.refresh();
    this.#stayInPlace(this.#line.config);
  }

  /**
   * Evicts the dead who stand before an entry (or anywhere). True if there were any.
   * At most `most` are judged in one call; the next call goes on behind them.
   */
  expelDead(before: DiskEntry | null, most = 64): boolean {
    const judged: Entry[] = [];
    let skip = this.#judgeFrom;
    for (let entry = this.#line.first; entry && entry.ticket !== before?.ticket; entry = entry.next) {
      if (skip-- > 0) continue;
      if (judged.push(entry) === most) break;
    }
    this.#judgeFrom = judged.length < most ? 0 : this.#judgeFrom + most;
    return judged.filter((entry) => this.#expelIfDead(entry)).length > 0;
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
    const entries: EntryView[] = [];
    for (let entry = this.#line.first; entry; entry = entry.next) entries.push(this.#viewEntry(entry));
    return { name: this.name, ...this.#line.config, entries };
  }

  #viewEntry(entry: Entry): EntryView {
    const self = this.#options.host.processes.self();
    const owners = entry.owners.map((owner) => ({
      pid: owner.facts.pid,
      host: owner.facts.host,
      place:
        owner.facts.boot === self.boot && owner.facts.namespace === self.namespace
          ? ('here' as const)
          : ('elsewhere' as const),
      gone: this.#options.judge.whyDead(owner),
    }));
    return {
      ticket: entry.ticket,
      state: entry.holding ? 'holding' : 'waiting',
      ask: entry.ask,
      label: entry.label,
      since: Math.floor(entry.at / 1000),
      ours: entry.owners[0]?.key === this.#options.presence.session.key,
      owners,
      stale: owners.every(({ gone }) => gone !== null),
    };
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
    return new DiskEntry(this, 0, 'refused');
  }

  #enter(verb: 'enter' | 'try', { ask, label }: Request): DiskEntry {
    const { session } = this.#options.presence;
    const id = session.nextId();
    const at = this.#now();
    const record: JournalRecord = [verb, id, toWire(session.facts), ask, at, label];
    const json = `["${verb}","${id}",${session.factsJson},${ask},${at},${JSON.stringify(label)}]`;
    this.#awaited = id;
    this.#journal.append(record, json);
    const joined = this.#joined as Entry | null;
    // A rotation behind our record has made the line anew: the entry in it is another object.
    const entry = joined && this.#journal.machine.find(joined.ticket);
    const own = new DiskEntry(this, joined?.ticket ?? 0, entry ? stateOf(entry) : 'refused');
    if (joined) this.#mine.set(joined.ticket, own);
    this.#settle(false);
    if (own.state === 'refused' && verb === 'enter') throw this.#fullError();
    return own;
  }

  #expelIfDead(entry: Entry): boolean {
    const { key, facts } = this.#options.presence.session;
    if (entry.owners[0]?.key === key) return false;
    const reasons = entry.owners.map((owner) => this.#options.judge.whyDead(owner));
    if (reasons.some((reason) => reason === null)) return false;
    this.#append([
      'evict',
      this.#nextId(),
      entry.ticket,
      this.#now(),
      entry.owners.length,
      reasons[0],
      `pid ${facts.pid} on ${facts.host}`,
    ]);
    this.#settle(true);
    for (const owner of entry.owners) this.#options.presence.bury(owner);
    return true;
  }

  #append(record: JournalRecord): void {
    this.#journal.append(record, JSON.stringify(record));
  }

  #nextId(): string {
    return this.#options.presence.session.nextId();
  }

  #now(): number {
    return this.#options.host.clock.wallMicros();
  }

  /** Acts on what the last fold found. `poke`: it was a record of ours that may have let others in. */
  #settle(poke: boolean): void {
    if (this.#journal.machine !== this.#line) this.#rebuilt();
    if (this.#granted.length + this.#evicted.length > 0) {
      const granted = this.#granted;
      const evicted = this.#evicted;
      this.#forget();
      for (const { entry, eviction } of evicted) this.#lose(this.#mine.get(entry.ticket), eviction);
      for (const entry of granted) this.#grant(this.#mine.get(entry.ticket));
      if (poke) for (const entry of [...granted, ...evicted.map((one) => one.entry)]) this.#poke(entry);
    }
    this.#joined = null;
  }

  #forget(): void {
    this.#granted = [];
    this.#evicted = [];
    this.#joined = null;
  }

  #grant(own: DiskEntry | undefined): void {
    if (own?.state !== 'waiting') return;
    own.state = 'holding';
    own.onChange?.();
  }

  #lose(own: DiskEntry | undefined, eviction: Eviction): void {
    if (!own) return;
    own.eviction = eviction;
    this.#drop(own, 'lost');
    own.onChange?.();
  }

  #drop(own: DiskEntry | undefined, state: EntryState): void {
    if (!own || !this.#mine.delete(own.ticket)) return;
    own.state = state;
    for (const owner of own.adopters) this.#options.presence.retire(owner);
  }

  #poke(entry: Entry): void {
    for (const owner of entry.owners) {
      if (owner.key !== this.#options.presence.session.key) this.#options.presence.poke(owner);
    }
  }

  /** After a rotation the line is a new one; our entries are found in it by their tickets. */
  #rebuilt(): void {
    this.#line = this.#journal.machine;
    for (const own of this.entries) {
      const entry = this.#line.find(own.ticket);
      if (entry?.holding) this.#grant(own);
      else if (!entry && !this.#evicted.some((one) => one.entry.ticket === own.ticket)) {
        this.#lose(own, { reason: 'it is no longer in the line', by: 'unknown' });
      }
    }
  }

  /** Notices that the store was deleted or replaced. What we held there is lost; the new one is opened. */
  #stayInPlace(config: Config): void {
    const now = this.#options.host.clock.monotonicMs();
    if (now - this.#inPlaceAt < IN_PLACE_EVERY_MS) return;
    this.#inPlaceAt = now;
    if (this.#journal.isInPlace()) {
      this.#settle(false);
      return;
    }
    const journal = this.#open(config);
    if (!journal) throw this.#goneError();
    this.#journal.close();
    this.#journal = journal;
    this.#line = journal.machine;
    this.#forget();
    for (const own of this.entries) this.#lose(own, { reason: 'its journal was deleted or replaced', by: 'unknown' });
    this.check(config);
  }

  #open(initial: Config | null): Journal<Line> | null {
    const { host, presence, directory, name, fileMode, rotateBytes } = this.#options;
    const journal = Journal.open<Line>({
      host,
      directory,
      subject: name,
      key: presence.session.key,
      fileMode,
      ...(rotateBytes === undefined ? {} : { rotateBytes }),
      ...(initial ? { initial: () => Line.emptyHeader(name, initial) } : {}),
      load: (header) => this.#load(header),
    });
    if (journal && journal.machine.name !== name) {
      journal.close();
      throw new StoreError(
        'STORE_UNSAFE',
        `${name}: ${directory} is the directory of ${journal.machine.name}. Is upper and lower case the same on this file system? Use another name.`,
        {
          operation: 'open',
          resource: name,
          path: directory,
        },
      );
    }
    return journal;
  }

  #load(header: unknown): Line {
    return new Line(header, {
      joined: (entry) => {
        if (entry.id === this.#awaited) this.#joined = entry;
      },
      granted: (entry) => this.#granted.push(entry),
      left: (entry, id) => {
        // Told at once: a rotation right behind it makes the line anew, in which nothing tells of it.
        if (keyOf(id) === this.#options.presence.session.key) this.#drop(this.#mine.get(entry.ticket), 'left');
        else this.#evicted.push({ entry, eviction: { reason: 'released by another process', by: 'unknown' } });
      },
      evicted: (entry, eviction) => this.#evicted.push({ entry, eviction }),
    });
  }

  #fullError(): StoreError {
    return new StoreError(
      'STORE_BUSY',
      `${this.name}: its line is full (65,536 entries). Try again when it is shorter.`,
      {
        operation: 'acquire',
        resource: this.name,
        path: this.#options.directory,
      },
    );
  }

  #goneError(): StoreError {
    return new StoreError(
      'STORE_GONE',
      `${this.name}: its journal was deleted while it was in use. Do not delete a store that is in use.`,
      {
        operation: 'open',
        resource: this.name,
        path: this.#options.directory,
      },
    );
  }
}

function stateOf(entry: Entry): EntryState {
  return entry.holding ? 'holding' : 'waiting';
}

function describeConfig({ kind, permits }: Config): string {
  return kind === 'semaphore' ? `semaphore of ${permits} ${permits === 1 ? 'permit' : 'permits'}` : kind;
}
