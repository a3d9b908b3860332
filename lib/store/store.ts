import type { ProcessTreeOptions } from '../host/process-tree.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Eviction, Keeps } from '../line/entry.ts';
import type { Item } from '../line/item.ts';
import type { Answer } from '../line/outcome.ts';
import type { CommandLifeline } from '../session/command-lifeline.ts';
import type { Clock } from '../time/clock.ts';
import type { Documents } from './documents.ts';
import type { LineView } from './line-view.ts';
import type { Records } from './records.ts';
import type { Servers } from './servers.ts';
import type { TakesRange, TakesView } from './takes-view.ts';

/**
 * The store seam: ordered entries, not files. A store keeps one line for every name.
 *
 * On disk it is a journal a name (`lib/disk/disk-store.ts`). On etcd `join` is a put under a lease (the
 * ticket is its create revision), `leave` and `evict` are deletes, `snapshot` is a range sorted by create
 * revision, `changed` a watch. Hence asynchronous: only a store that answers at once returns no promises, and offers
 * itself as `sync`.
 *
 * Ending the entries of the dead is the store's own business: a line it shows, and a line it lets move,
 * is one in which every entry in the way has a living owner, as far as can be judged.
 */
export interface Store {
  /** Where it is, for messages; without secrets. */
  readonly place: string;
  /** The features that it has. */
  readonly capabilities: Capabilities;
  /** @internal The clock by which waits on it end. */
  readonly clock: Clock;
  /** @internal The store itself, if it answers at once. */
  readonly sync: SyncStore | null;
  /** @internal The documents that it keeps; none on disk, where they are files. */
  readonly documents?: Documents;
  /** @internal Its servers, for an examination; none on disk. */
  servers?(): Servers | Promise<Servers>;
  /** @internal The texts that all its machines see, beside the lines; null for a store on disk, whose files all see. */
  readonly records: Records | null;

  /** @internal Puts an entry into a name's line. It holds, waits, or (`onlyIfGranted`, or a broken barrier) was refused. */
  join(name: string, config: Config, request: Request): OwnEntry | Promise<OwnEntry>;
  /** @internal Ends an entry of ours, whether it holds or waits, and admits others. */
  leave(entry: OwnEntry): void | Promise<void>;
  /** @internal The same for an entry that holds an item of a queue: the item ends with it. After a `leave` it is given to another one. */
  done(entry: OwnEntry): void | Promise<void>;
  /** @internal What an entry of ours that holds has taken from a queue. Null: nothing; or it is not there any more, and the entry is lost. */
  itemOf(entry: OwnEntry): Item | null | Promise<Item | null>;
  /**
   * @internal As `leave`, for an entry that its caller gives up: where it fails, it throws, and goes on trying until it is
   * done or this process ends. `passOn`: if it holds by then, it is evicted, for this reason. So the wake-up of a
   * condition goes to the next waiter, as if its owner had died.
   */
  abandon(entry: OwnEntry, passOn?: Eviction): void | Promise<void>;
  /** @internal Makes another local process an owner too: the entry lives on until both are gone. False if it is gone already. */
  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): boolean | Promise<boolean>;
  /** @internal A lifeline for a command that is to be adopted; null if the store has none to give. */
  commandLifeline(): CommandLifeline | null;
  /** Ends an entry of any owner. False if there is none. */
  evict(name: string, ticket: number, eviction: Eviction): boolean | Promise<boolean>;
  /** @internal Records what its owner holds elsewhere and cannot give back while this entry of ours waits. */
  keep(entry: OwnEntry, keeps: Keeps): void | Promise<void>;
  /**
   * @internal Does something to a name's line from outside of it. Returns how many entries it admitted or ended, a counter's new
   * value, what was taken from it, or what was put into a queue; null if nothing was done, because the sum would be no safe integer.
   */
  act(name: string, config: Config, action: Action): Answer | Promise<Answer>;
  /** @internal The takes that a counter remembers, with those of a range that are logged. Null: there is no counter of that name. */
  takes(name: string, range: TakesRange): TakesView | null | Promise<TakesView | null>;
  /**
   * Forgets a name that nobody uses, and that has no takes to be written back and no items queued: its kind, its permits, its value and its history end, and it is no longer among the
   * names. Entries of the dead are evicted first. The next one who uses the name makes it anew; its tokens go on growing.
   */
  forget(name: string, options?: ForgetOptions): Forgotten | Promise<Forgotten>;
  /** @internal Brings the state of an entry of ours up to date. */
  refresh(entry: OwnEntry): void | Promise<void>;
  /** @internal Our entries that hold, as far as is known here, in the order of their names. */
  held(): OwnEntry[];
  /** The line as it is now, or null if the name was never used. */
  snapshot(name: string): LineView | null | Promise<LineView | null>;
  /** The same of several names, in their order: as they were at one moment if the store `cuts`, else one after the other. */
  snapshots(names: readonly string[]): Array<LineView | null> | Promise<Array<LineView | null>>;
  /** The names that are in use. */
  names(): string[] | Promise<string[]>;
  /** In a store of leases: lines that it showed, with `expiresInMs`. It asks for each lease, so call it for a person who looks. */
  withExpiry?(lines: readonly LineView[]): Promise<LineView[]>;
  /**
   * @internal Resolves when an entry of ours, or a name's line, may have changed; after `timeoutMs`; or when
   * `signal` aborts. Never rejects for these. A hint: look again.
   */
  changed(of: OwnEntry | string, options: ChangedOptions): Promise<void>;
  /** Whether the store can be used now. @throws {StoreError} (or rejects) that says what is wrong, and what to do */
  ping(): void | Promise<void>;
  /**
   * Ends this process's part in the store: its entries in line are given back, or lost. Idempotent. The store that
   * `openStore` returned opens itself again at its next use.
   */
  close(): void | Promise<void>;
}

/** The features of a store, for callers that must know before they call. */
export interface Capabilities {
  /** Another process can open it by its `place`. */
  readonly reopens: boolean;
  /** `snapshots` shows all the lines as they were at one moment. */
  readonly cuts: boolean;
  /**
   * An entry is kept by a lease, which ends at the servers when its session is silent: then others get in, whatever
   * its owner does. So a command that runs under it must be ended before.
   */
  readonly leases: boolean;
}

/** A store that answers at once. */
export interface SyncStore extends Store {
  join(name: string, config: Config, request: Request): OwnEntry;
  leave(entry: OwnEntry): void;
  done(entry: OwnEntry): void;
  itemOf(entry: OwnEntry): Item | null;
  abandon(entry: OwnEntry, passOn?: Eviction): void;
  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): boolean;
  evict(name: string, ticket: number, eviction: Eviction): boolean;
  keep(entry: OwnEntry, keeps: Keeps): void;
  act(name: string, config: Config, action: Action): Answer;
  takes(name: string, range: TakesRange): TakesView | null;
  forget(name: string, options?: ForgetOptions): Forgotten;
  refresh(entry: OwnEntry): void;
  snapshot(name: string): LineView | null;
  snapshots(names: readonly string[]): Array<LineView | null>;
  names(): string[];
  ping(): void;
  close(): void;
  /** Runs a call that will block this thread; signals keep their own effects on the process meanwhile. */
  blocking<T>(call: () => T): T;
  /** Blocks until the entry no longer waits, or the time is over. */
  wait(entry: OwnEntry, timeoutMs: number): void;
}

/** Options of `forget`. */
export interface ForgetOptions {
  /**
   * Only a name to which nothing was written for so long, in ms, and which has no value: no event that is set, no broken
   * barrier, no counter but one at 0 that remembers no takes, no queue that remembers puts. Default: any.
   */
  idleMs?: number;
}

/** Whether a name was forgotten: not while it is in use, and not if there is no such name. */
export type Forgotten = 'forgotten' | 'in use' | 'unknown';

export interface Request {
  /** How many permits; 0 asks for a shared entry of a lock. */
  ask: number;
  /** A description of the caller for others, at most 200 characters. */
  label: string;
  /** Join only if that means holding at once. */
  onlyIfGranted: boolean;
  /** Take a lock from all its holders, before all waiters. Asks for 1. */
  steal?: boolean;
  /**
   * The caller may block its thread while it waits or holds: no signal handler is set for it, which could not run then.
   * If a signal ends the process, the entry is stale.
   */
  blocks?: boolean;
}

export type { CommandLifeline } from '../session/command-lifeline.ts';
export type { EntryView, LineView, OwnerView } from './line-view.ts';

export interface AdoptOptions {
  /** Whether the other process becomes the only owner, and this session has nothing more to do with the entry. */
  handOver: boolean;
  /** The key by which the process owns the entry, in a store on disk. Default: a random one. */
  key?: string | undefined;
  /** The lifeline that the process, or one that watches it, has inherited. */
  lifeline?: CommandLifeline | null | undefined;
  /** The process is a command that was started for this entry: a store of leases ends it, if it cannot keep the entry. */
  command?: CommandTraits | undefined;
}

/** By what all that a command started is found. */
export type CommandTraits = Pick<ProcessTreeOptions, 'leadsGroup' | 'mark'>;

export interface ChangedOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Whether the process must stay alive for it. */
  keepAlive: boolean;
  /** Of a line: the revision of the view that the caller has. If the line has another one by now, this resolves at once. */
  after?: number | undefined;
}

export type EntryState = 'waiting' | 'holding' | 'refused' | 'left' | 'handed over' | 'lost';

/** An entry that this session put into a line, and its state as far as it is known here. */
export interface OwnEntry {
  readonly name: string;
  /** Its place in line. 0 if it was refused. */
  readonly ticket: number;
  /** Its fencing token, from when it holds; 0 before. Mostly its ticket. */
  readonly token: number;
  /** How many waited before it when it joined. */
  readonly waitingBefore: number;
  readonly state: EntryState;
  /** Why, if it is lost. */
  readonly eviction: Eviction | null;
  /** In a store of leases: the ms for which it surely stays in line, also after it is lost here. 0 if it may be gone. */
  readonly staysMs?: number;
}
