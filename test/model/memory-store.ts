import { ConfigMismatchError, StoreError } from '../../lib/errors.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Action } from '../../lib/line/action.ts';
import type { Config } from '../../lib/line/config.ts';
import { describeConfig } from '../../lib/line/config.ts';
import type { Eviction, Keeps } from '../../lib/line/entry.ts';
import type { Item } from '../../lib/line/item.ts';
import type { Answer } from '../../lib/line/outcome.ts';
import type {
  AdoptOptions,
  ChangedOptions,
  EntryState,
  EntryView,
  ForgetOptions,
  Forgotten,
  LineView,
  OwnEntry,
  OwnerView,
  Request,
  Store,
} from '../../lib/store/store.ts';
import type { TakesRange, TakesView } from '../../lib/store/takes-view.ts';
import { onAbort } from '../../lib/time/abort-listener.ts';
import { MemoryLine, type ModelEntry, type ModelOwner, type Newcomer } from './memory-line.ts';

const HOST = 'memory';
const MAX_TIMER_MS = 2 ** 31 - 1;
const GONE = 'its process is gone';

/** An entry that a party put into a line. Its state is always up to date. */
export class MemoryEntry implements OwnEntry {
  readonly name: string;
  /** Once the name is forgotten, it has another one. */
  readonly line: MemoryLine;
  readonly waitingBefore: number;
  readonly entry: ModelEntry | null;
  state: EntryState;
  eviction: Eviction | null = null;

  constructor(name: string, line: MemoryLine, entry: ModelEntry | null, waitingBefore: number) {
    this.name = name;
    this.line = line;
    this.entry = entry;
    this.waitingBefore = waitingBefore;
    this.state = entry ? 'waiting' : 'refused';
  }

  get ticket(): number {
    return this.entry?.ticket ?? 0;
  }

  get item(): Item | null {
    const item = this.state === 'holding' ? this.entry?.item : null;
    return item ? { sequence: item.sequence, text: item.text, takes: item.takes } : null;
  }

  get token(): number {
    return this.entry?.token ?? 0;
  }
}

/** What the parties share: the lines, and who is alive. */
export class MemoryWorld {
  readonly lines = new Map<string, MemoryLine>();
  readonly #parties: MemoryStore[] = [];
  readonly #pids = new Map<string, number>();
  readonly #dead = new Set<string>();
  readonly #revisions = new Map<string, { facts: string; revision: number }>();
  #keys = 0;

  /** Another number whenever the facts are others than when this was last asked. */
  revisionOf(name: string): number {
    const line = this.lines.get(name);
    const facts = JSON.stringify([line?.value, line?.entries]);
    const last = this.#revisions.get(name);
    if (last?.facts === facts) return last.revision;
    const revision = (last?.revision ?? 0) + 1;
    this.#revisions.set(name, { facts, revision });
    return revision;
  }

  /** One more party, a session of its own. */
  party(): MemoryStore {
    const party = new MemoryStore(this, this.newKey(process.pid));
    this.#parties.push(party);
    return party;
  }

  newKey(pid: number): string {
    this.#keys += 1;
    const key = `session${this.#keys}`;
    this.#pids.set(key, pid);
    return key;
  }

  pidOf(key: string): number {
    return this.#pids.get(key) ?? 0;
  }

  kill(key: string): void {
    this.#dead.add(key);
    this.stepped();
  }

  isDead(key: string): boolean {
    return this.#dead.has(key);
  }

  whyGone({ key, relieved }: ModelOwner): string | null {
    if (relieved) return 'it handed the entry over';
    return this.#dead.has(key) ? GONE : null;
  }

  isStale({ owners }: ModelEntry): boolean {
    return owners.every((owner) => this.whyGone(owner) !== null);
  }

  /** After every step: the parties' entries follow the lines, and who waits for a change looks. */
  stepped(): void {
    for (const [name, line] of this.lines) {
      const endings = line.takeEndings();
      for (const party of this.#parties) party.follow(name, endings);
    }
    for (const party of this.#parties) party.wake();
  }
}

/**
 * The reference model of a store: in memory, and every answer found in the plainest way (`MemoryLine`). It
 * answers nothing at once (`sync` is null), so that what uses a store is seen to work through the asynchronous seam.
 * What it shows and does is what the store on disk must show and do.
 */
export class MemoryStore implements Store {
  readonly place = 'memory';
  readonly capabilities = { reopens: false, cuts: true, leases: false };
  readonly clock = nodeHost.clock;
  readonly sync = null;
  readonly records = null;
  readonly key: string;
  readonly #world: MemoryWorld;
  readonly #own: MemoryEntry[] = [];
  readonly #sleepers = new Set<() => void>();

  constructor(world: MemoryWorld, key: string) {
    this.#world = world;
    this.key = key;
  }

  /** Ends this party as SIGKILL would: what it has in line is stale from now on. */
  kill(): void {
    this.#world.kill(this.key);
  }

  async join(name: string, config: Config, request: Request): Promise<MemoryEntry> {
    const line = this.#lineFor(name, config);
    const own = this.#enter(name, line, request);
    this.#world.stepped();
    if (own.state === 'waiting' && this.#expelDead(line, this.#newcomersReach(line, own))) this.#world.stepped();
    return own;
  }

  async leave(entry: OwnEntry): Promise<void> {
    this.#checkAlive();
    const own = entry as MemoryEntry;
    if (!this.#own.includes(own)) return;
    own.line.leave(own.ticket);
    this.#world.stepped();
  }

  async done(entry: OwnEntry): Promise<void> {
    this.#checkAlive();
    const own = entry as MemoryEntry;
    if (!this.#own.includes(own)) return;
    own.line.leave(own.ticket, true);
    this.#world.stepped();
  }

  async itemOf(entry: OwnEntry): Promise<Item | null> {
    return (entry as MemoryEntry).item;
  }

  /** Nothing ever fails here. */
  async abandon(entry: OwnEntry, passOn?: Eviction): Promise<void> {
    if (!passOn || entry.state !== 'holding') return this.leave(entry);
    await this.evict(entry.name, entry.ticket, passOn);
  }

  async adopt(entry: OwnEntry, pid: number, { handOver }: AdoptOptions): Promise<boolean> {
    this.#checkAlive();
    const own = entry as MemoryEntry;
    if (pid !== process.pid || this.#world.lines.get(own.name) !== own.line) return false;
    own.line.adopt(own.ticket, this.#world.newKey(pid), handOver);
    if (own.state === 'holding' && handOver) this.#drop(own, 'handed over');
    this.#world.stepped();
    return true;
  }

  commandLifeline(): null {
    return null;
  }

  async evict(name: string, ticket: number, eviction: Eviction): Promise<boolean> {
    this.#checkAlive();
    const line = this.#world.lines.get(name);
    if (!line?.find(ticket)) return false;
    line.evict(ticket, eviction);
    this.#world.stepped();
    return true;
  }

  async keep(entry: OwnEntry, keeps: Keeps): Promise<void> {
    this.#checkAlive();
    const own = entry as MemoryEntry;
    if (this.#own.includes(own)) own.line.keep(own.ticket, keeps);
    this.#world.stepped();
  }

  async act(name: string, config: Config, action: Action): Promise<Answer> {
    const line = this.#lineFor(name, config);
    if (action.do === 'notify') this.#expelDead(line, () => line.entries);
    const outcome = line.act(action, nowMicros());
    this.#world.stepped();
    return outcome;
  }

  async takes(name: string, range: TakesRange): Promise<TakesView | null> {
    this.#checkAlive();
    const line = this.#world.lines.get(name);
    return line?.config.kind === 'counter' ? line.takes.view(line.value, range) : null;
  }

  async forget(name: string, { idleMs }: ForgetOptions = {}): Promise<Forgotten> {
    this.#checkAlive();
    const line = this.#world.lines.get(name);
    if (!line) return 'unknown';
    if (this.#expelDead(line, () => line.entries)) this.#world.stepped();
    if (
      line.entries.length > 0 ||
      line.takes.isLogging ||
      line.items.queued.length > 0 ||
      (idleMs !== undefined && (line.value !== 0 || !line.takes.isPlain || !line.items.isPlain))
    )
      return 'in use';
    this.#world.lines.delete(name);
    return 'forgotten';
  }

  async refresh(_entry: OwnEntry): Promise<void> {
    this.#checkAlive();
  }

  held(): MemoryEntry[] {
    const holding = this.#own.filter(({ state }) => state === 'holding');
    return holding.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  async snapshot(name: string): Promise<LineView | null> {
    this.#checkAlive();
    const line = this.#world.lines.get(name);
    if (!line) return null;
    const entries = line.entries.map((entry) => this.#viewOf(entry));
    return { name, ...line.config, value: line.value, revision: this.#world.revisionOf(name), entries };
  }

  async snapshots(names: readonly string[]): Promise<Array<LineView | null>> {
    // All of the calls look before any of them goes on.
    return Promise.all(names.map((name) => this.snapshot(name)));
  }

  async ping(): Promise<void> {
    this.#checkAlive();
  }

  /** Gives back what this party has in line. */
  async close(): Promise<void> {
    for (const own of [...this.#own]) await this.leave(own);
  }

  async names(): Promise<string[]> {
    this.#checkAlive();
    return [...this.#world.lines.keys()].sort();
  }

  changed(of: OwnEntry | string, { timeoutMs, signal, keepAlive, after }: ChangedOptions): Promise<void> {
    const look = typeof of === 'string' ? this.#lineLook(of, after) : this.#entryLook(of as MemoryEntry);
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        stopHearing();
        resolve();
      };
      const wake = () => {
        if (look()) end();
      };
      const timer = setTimeout(end, Math.min(timeoutMs, MAX_TIMER_MS));
      if (!keepAlive) timer.unref();
      this.#sleepers.add(wake);
      const stopHearing = onAbort(signal, end);
      if (signal?.aborted || this.#world.isDead(this.key)) end();
      else wake();
    });
  }

  /** Moves our entries' states to what became of them in a line. */
  follow(name: string, endings: readonly { entry: ModelEntry; eviction: Eviction | null }[]): void {
    for (const own of this.#own.filter((one) => one.name === name)) {
      const ending = endings.find(({ entry }) => entry === own.entry);
      if (own.token > 0) own.state = 'holding';
      if (!ending) continue;
      own.eviction = ending.eviction;
      this.#drop(own, ending.eviction ? 'lost' : 'left');
    }
  }

  /** Has every wait for a change look whether it came. */
  wake(): void {
    if (this.#world.isDead(this.key)) return;
    for (const sleeper of [...this.#sleepers]) sleeper();
  }

  #checkAlive(): void {
    if (this.#world.isDead(this.key)) throw new Error('this party was killed');
  }

  #lineFor(name: string, config: Config): MemoryLine {
    this.#checkAlive();
    const line = this.#world.lines.get(name) ?? new MemoryLine({ kind: config.kind, permits: config.permits });
    this.#world.lines.set(name, line);
    const { kind, permits } = line.config;
    if (kind === config.kind && permits === config.permits) return line;
    if (config.resize && [kind, config.kind].every((one) => one === 'lock' || one === 'semaphore')) {
      if (this.#expelDead(line, () => line.entries)) this.#world.stepped();
      if (line.entries.length === 0) {
        this.#world.lines.delete(name);
        return this.#lineFor(name, config);
      }
    }
    throw new ConfigMismatchError(name, describeConfig(line.config), describeConfig(config));
  }

  #enter(name: string, line: MemoryLine, { ask, label, onlyIfGranted, steal }: Request): MemoryEntry {
    const newcomer: Newcomer = { owner: this.key, ask, label, at: nowMicros() };
    if (onlyIfGranted) return this.#noted(name, line, this.#tryEnter(line, newcomer), 0);
    if (steal) return this.#noted(name, line, line.steal(newcomer, this.#signature), 0);
    const isBarrier = line.config.kind === 'barrier';
    if (isBarrier) this.#sweepLeftovers(line);
    const waitingBefore = line.waiters.length;
    const entry = line.enter(newcomer, false);
    if (!entry && !(isBarrier && line.value === 1))
      throw new StoreError('STORE_BUSY', `${name}: nobody may join this line so`, { path: this.place });
    return this.#noted(name, line, entry, waitingBefore);
  }

  /** Whoever tries is not kept out by the dead. Behind living entries that leave it no room it is refused without a look. */
  #tryEnter(line: MemoryLine, newcomer: Newcomer): ModelEntry | null {
    const inWay = this.#inWayOf(newcomer, line, line.entries);
    const entry = line.enter(newcomer, true);
    if (entry || !this.#expelDead(line, () => inWay)) return entry;
    return line.enter(newcomer, true);
  }

  #noted(name: string, line: MemoryLine, entry: ModelEntry | null, waitingBefore: number): MemoryEntry {
    const own = new MemoryEntry(name, line, entry, waitingBefore);
    if (entry) this.#own.push(own);
    return own;
  }

  #drop(own: MemoryEntry, state: EntryState): void {
    own.state = state;
    const place = this.#own.indexOf(own);
    if (place !== -1) this.#own.splice(place, 1);
  }

  /** Those before whom a newcomer would hold at once if the dead among them were gone, and the first living one that leaves it no room. */
  #inWayOf(newcomer: { ask: number }, line: MemoryLine, entries: readonly ModelEntry[]): readonly ModelEntry[] {
    // Any of the dead may have what it would take.
    if (line.config.kind === 'queue') return entries;
    const living = (end: number) => entries.slice(0, end).filter((one) => !this.#isDead(one));
    return entries.filter((_, at) => line.fit([newcomer, ...living(at)]));
  }

  /** Whom a newcomer judges before it waits. The dead behind a living one keep nobody out: whoever waits longer ends them. */
  #newcomersReach(line: MemoryLine, own: MemoryEntry): () => readonly ModelEntry[] {
    const reach = this.#reach(line, own);
    if (line.config.kind === 'barrier') return reach;
    return () => this.#inWayOf(own.entry as ModelEntry, line, reach());
  }

  /** Before whom an entry of ours waits; at a barrier it waits for those behind it as well. */
  #reach(line: MemoryLine, own: MemoryEntry): () => readonly ModelEntry[] {
    if (line.config.kind === 'barrier') return () => line.entries;
    return () => line.entries.slice(0, line.entries.indexOf(own.entry as ModelEntry));
  }

  /** Evicts the dead among these, one after the other. True if there were any. */
  #expelDead(line: MemoryLine, among: () => readonly ModelEntry[]): boolean {
    const dead = among().filter((entry) => this.#isDead(entry));
    for (const { ticket, owners } of dead) line.evict(ticket, { reason: GONE, by: this.#signature }, owners.length);
    return dead.length > 0;
  }

  /** Our own are ended by us alone. */
  #isDead(entry: ModelEntry): boolean {
    const [first] = entry.owners;
    const isOurs = first?.key === this.key && !first.relieved;
    return !isOurs && this.#world.isStale(entry);
  }

  /** If all who wait at a barrier are dead, they are of an earlier run. */
  #sweepLeftovers(line: MemoryLine): void {
    if (!line.waiters.every((entry) => this.#world.isStale(entry))) return;
    line.act({ do: 'sweep', ticket: line.waiters.at(-1)?.ticket ?? 0 });
  }

  #entryLook(own: MemoryEntry): () => boolean {
    const before = own.state;
    return () => {
      if (own.state === 'waiting') {
        const { line } = own;
        if (this.#expelDead(line, this.#reach(line, own))) this.#world.stepped();
      }
      return own.state !== before;
    };
  }

  #lineLook(name: string, after = 0): () => boolean {
    const before = after || this.#world.revisionOf(name);
    return () => this.#world.revisionOf(name) !== before;
  }

  #viewOf(entry: ModelEntry): EntryView {
    const { ticket, token, ask, label, at, keeps } = entry;
    return {
      ticket,
      token,
      state: token > 0 ? 'holding' : 'waiting',
      ask,
      label,
      since: Math.floor(at / 1000),
      ours: entry.owners[0]?.key === this.key,
      owners: entry.owners.map((owner) => this.#viewOfOwner(owner)),
      keeps,
      stale: this.#world.isStale(entry),
    };
  }

  #viewOfOwner(owner: ModelOwner): OwnerView {
    const pid = this.#world.pidOf(owner.key);
    return { session: owner.key, pid, host: HOST, place: 'here', gone: this.#world.whyGone(owner) };
  }

  get #signature(): string {
    return `pid ${process.pid} on ${HOST}`;
  }
}

function nowMicros(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}
