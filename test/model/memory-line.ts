import type { Action, CountAction } from '../../lib/line/action.ts';
import type { Config } from '../../lib/line/config.ts';
import type { Eviction, Keeps } from '../../lib/line/entry.ts';
import type { Answer } from '../../lib/line/outcome.ts';
import { MemoryItems, type ModelItem } from './memory-items.ts';
import { MemoryTakes } from './memory-takes.ts';

/** A session that an entry belongs to. */
export interface ModelOwner {
  key: string;
  /** It handed the entry over. */
  relieved: boolean;
}

export interface Newcomer {
  owner: string;
  ask: number;
  label: string;
  /** Wall clock in µs. */
  at: number;
}

export interface ModelEntry {
  readonly ticket: number;
  readonly ask: number;
  readonly label: string;
  readonly at: number;
  readonly owners: ModelOwner[];
  keeps: Keeps;
  /** Of a queue: what it was given, also when it has ended. */
  item: ModelItem | null;
  /** 0 while it waits. */
  token: number;
}

/** How an entry ended: by its own `leave`, or evicted. */
export interface Ending {
  entry: ModelEntry;
  eviction: Eviction | null;
}

const COUNT_ACTIONS: Record<CountAction['do'], true> = { take: true, load: true, trim: true, rebuild: true };

/** So small that a lock's one permit is enough for more sharers than a line takes. */
const SHARE = 2 ** -20;

/**
 * The reference model of one line, in the plainest words that say what must be true: an array, and who holds found
 * out anew after every step. It shares no code with `lib/line/line.ts`, so that both are wrong only if the same mistake
 * was made twice.
 */
export class MemoryLine {
  readonly config: Config;
  value = 0;
  readonly takes = new MemoryTakes();
  readonly items = new MemoryItems();
  entries: ModelEntry[] = [];
  #endings: Ending[] = [];
  /** The newest number that was given, be it as a ticket or as a token. */
  #newest = 0;
  #newestToken = 0;

  constructor(config: Config) {
    this.config = config;
  }

  get holders(): ModelEntry[] {
    return this.entries.filter(({ token }) => token > 0);
  }

  get waiters(): ModelEntry[] {
    return this.entries.filter(({ token }) => token === 0);
  }

  find(ticket: number): ModelEntry | undefined {
    return this.entries.find((entry) => entry.ticket === ticket);
  }

  /** Whether so many may hold at once. */
  fit(entries: ReadonlyArray<Pick<ModelEntry, 'ask'>>): boolean {
    return entries.reduce((sum, { ask }) => sum + (ask === 0 ? SHARE : ask), 0) <= this.config.permits;
  }

  /** Who has ended since this was asked last. */
  takeEndings(): Ending[] {
    return this.#endings.splice(0);
  }

  /** Null if it may not join. */
  enter(newcomer: Newcomer, onlyIfGranted: boolean): ModelEntry | null {
    if (this.#isBroken || !this.#mayAsk(newcomer.ask)) return null;
    const entry = this.#entryOf(newcomer);
    if (onlyIfGranted && !this.#wouldHold(entry)) return null;
    this.#newest = entry.ticket;
    this.entries.push(entry);
    this.#letIn();
    return entry;
  }

  /** Null if this is no lock. */
  steal(newcomer: Newcomer, by: string): ModelEntry | null {
    if (this.config.kind !== 'lock') return null;
    const entry = this.#entryOf({ ...newcomer, ask: 1 });
    for (const victim of this.holders) this.#end(victim, { reason: 'stolen', by });
    this.#newest = entry.ticket;
    this.entries.unshift(entry);
    this.#letIn();
    return entry;
  }

  leave(ticket: number, isDone = false): void {
    const entry = this.find(ticket);
    if (!entry || (isDone && entry.item === null)) return;
    this.#end(entry, null, isDone);
    if (entry.token === 0) this.#break('a party gave up waiting');
    this.#letIn();
  }

  /** `judged`: how many owners were found dead; 0 ends it whoever owns it. */
  evict(ticket: number, eviction: Eviction, judged = 0): void {
    const entry = this.find(ticket);
    if (!entry || (judged !== 0 && judged !== entry.owners.length)) return;
    this.#end(entry, eviction);
    if (entry.token === 0) this.#break(`a party was taken out: ${eviction.reason}`);
    else if (this.config.kind === 'condition') this.#wake(1);
    this.#letIn();
  }

  adopt(ticket: number, key: string, handOver: boolean): void {
    const owners = this.find(ticket)?.owners;
    if (handOver) for (const owner of owners ?? []) owner.relieved = true;
    owners?.push({ key, relieved: false });
  }

  keep(ticket: number, keeps: Keeps): void {
    const entry = this.find(ticket);
    if (entry) entry.keeps = keeps;
  }

  /** How many it let in or ended, or a counter's new value. Null: it is void. */
  act(action: Action, at = 0): Answer {
    if (this.config.kind === 'counter' && action.do in COUNT_ACTIONS) {
      const [answer, value] = this.takes.act(action as CountAction, this.value, at);
      this.value = value;
      return answer;
    }
    if (this.config.kind === 'queue' && action.do === 'put') {
      const answer = this.items.put(action);
      this.#letIn();
      return answer;
    }
    const waitedBefore = this.waiters;
    const isFor = (kind: string) => this.config.kind === kind;
    if (action.do === 'set' && isFor('event')) this.value = 1;
    else if (action.do === 'clear' && isFor('event')) this.value = 0;
    else if (action.do === 'notify' && isFor('condition')) this.#wake(action.count);
    else if (action.do === 'abort' && isFor('barrier')) this.#break('it was aborted');
    else if (action.do === 'reset' && isFor('barrier')) this.#reset();
    else if (action.do === 'sweep' && isFor('barrier')) this.#sweep(action.ticket);
    else if (action.do === 'add' && isFor('counter')) return this.#add(action.by);
    else return null;
    this.#letIn();
    const waitNow = new Set(this.waiters);
    return waitedBefore.filter((entry) => !waitNow.has(entry)).length;
  }

  get #isBroken(): boolean {
    return this.config.kind === 'barrier' && this.value === 1;
  }

  #entryOf({ owner, ask, label, at }: Newcomer): ModelEntry {
    const owners = [{ key: owner, relieved: false }];
    const ticket = Math.max(this.#newest + 1, at);
    return { ticket, ask, label, at, owners, keeps: { held: [], waits: 0 }, item: null, token: 0 };
  }

  #mayAsk(ask: number): boolean {
    if (this.config.kind === 'lock') return ask === 0 || ask === 1;
    if (this.config.kind === 'semaphore') return ask >= 1 && ask <= this.config.permits;
    return ask === 1 && this.config.kind !== 'counter';
  }

  /** One that tries never is the one whom a barrier or a condition waits for. */
  #wouldHold(newcomer: ModelEntry): boolean {
    if (this.config.kind === 'event') return this.value === 1;
    if (this.config.kind === 'queue') return this.waiters.length === 0 && this.items.queued.length > 0;
    return this.#hasPermits && this.fit([...this.entries, newcomer]);
  }

  get #hasPermits(): boolean {
    return this.config.kind === 'lock' || this.config.kind === 'semaphore';
  }

  /** Gives a token to everybody who holds by now and has none. */
  #letIn(): void {
    const { kind, permits } = this.config;
    if (kind === 'queue') this.#giveItems();
    const isFull = kind === 'barrier' && this.waiters.length === permits;
    for (const [place, entry] of this.entries.entries()) {
      const fits = this.#hasPermits && this.fit(this.entries.slice(0, place + 1));
      if (this.#hasPermits && entry.token > 0 && !fits) throw new Error('a holder lost its permits');
      if (entry.token === 0 && (fits || isFull || (kind === 'event' && this.value === 1))) this.#giveToken(entry);
    }
  }

  #giveItems(): void {
    for (const entry of this.waiters) {
      entry.item = this.items.take(entry.ticket);
      if (entry.item) this.#giveToken(entry);
    }
    this.value = this.items.queued.length;
  }

  #giveToken(entry: ModelEntry): void {
    const isNewer = entry.ticket > this.#newestToken;
    entry.token = isNewer ? entry.ticket : this.#newest + 1;
    this.#newest = Math.max(this.#newest, entry.token);
    this.#newestToken = entry.token;
  }

  #wake(count: number): void {
    for (const entry of this.waiters.slice(0, count)) this.#giveToken(entry);
  }

  #break(reason: string): void {
    if (this.config.kind !== 'barrier') return;
    this.value = 1;
    for (const entry of this.waiters) this.#end(entry, { reason, by: 'unknown' });
  }

  #reset(): void {
    this.value = 0;
    for (const entry of this.waiters) this.#end(entry, { reason: 'it was reset', by: 'unknown' });
  }

  #sweep(upTo: number): void {
    const leftovers = this.waiters.filter(({ ticket, owners }) => ticket <= upTo && owners.length === 1);
    for (const entry of leftovers) this.#end(entry, { reason: 'left over', by: 'unknown' });
  }

  #add(by: number): number | null {
    const sum = BigInt(this.value) + BigInt(by);
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    if (sum > most || sum < -most) return null;
    this.value = Number(sum);
    return this.value;
  }

  #end(entry: ModelEntry, eviction: Eviction | null, isDone = false): void {
    this.items.end(entry.ticket, isDone);
    this.entries = this.entries.filter((one) => one !== entry);
    this.#endings.push({ entry, eviction });
  }
}
