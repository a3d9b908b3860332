import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Eviction, Keeps } from '../line/entry.ts';
import type { CommandLifeline } from '../session/command-lifeline.ts';
import type { Clock } from '../time/clock.ts';

/**
 * The store seam: ordered entries, not files. A store keeps one line for every name.
 *
 * On disk it is a journal a name (`lib/disk/disk-store.ts`). On etcd `join` would be a put under a lease (the
 * ticket is its create revision), `leave` and `evict` deletes, `snapshot` a range sorted by create
 * revision, `changed` a watch. Hence asynchronous: only a store that answers at once returns no promises, and offers
 * itself as `sync`.
 *
 * Ending the entries of the dead is the store's own business: a line it shows, and a line it lets move,
 * is one in which every entry in the way has a living owner, as far as can be judged.
 */
export interface Store {
  /** Where it is, for messages. */
  readonly place: string;
  /** The clock by which waits on it end. */
  readonly clock: Clock;
  /** The store itself, if it answers at once. */
  readonly sync: SyncStore | null;

  /** Puts an entry into a name's line. It holds, waits, or (`onlyIfGranted`, or a broken barrier) was refused. */
  join(name: string, config: Config, request: Request): OwnEntry | Promise<OwnEntry>;
  /** Ends an entry of ours, whether it holds or waits, and admits others. */
  leave(entry: OwnEntry): void | Promise<void>;
  /**
   * The same for an entry that its caller gives up: where it fails, it throws, and goes on trying until it is
   * done or this process ends. `passOn`: if it holds by then, it is evicted, for this reason. So the wake-up of a
   * condition goes to the next waiter, as if its owner had died.
   */
  abandon(entry: OwnEntry, passOn?: Eviction): void | Promise<void>;
  /** Makes another local process an owner too: the entry lives on until both are gone. False if it is gone already. */
  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): boolean | Promise<boolean>;
  /** A lifeline for a command that is to be adopted; null if the store has none to give. */
  commandLifeline(): CommandLifeline | null;
  /** Ends an entry, whoever owns it. False if there is none. */
  evict(name: string, ticket: number, eviction: Eviction): boolean | Promise<boolean>;
  /** Records what its owner holds elsewhere and cannot give back while this entry of ours waits. */
  keep(entry: OwnEntry, keeps: Keeps): void | Promise<void>;
  /**
   * Does something to a name's line from outside of it. Returns how many entries it admitted or ended, or a counter's new
   * value; null if nothing was done, because the sum would be no safe integer.
   */
  act(name: string, config: Config, action: Action): number | null | Promise<number | null>;
  /**
   * Forgets a name that nobody uses: its kind, its permits, its value and its history end, and it is no longer among the
   * names. Entries of the dead are evicted first. The next one who uses the name makes it anew; its tokens go on growing.
   */
  forget(name: string, options?: ForgetOptions): Forgotten | Promise<Forgotten>;
  /** Brings the state of an entry of ours up to date. */
  refresh(entry: OwnEntry): void | Promise<void>;
  /** Our entries that hold, as far as is known here, in the order of their names. */
  held(): OwnEntry[];
  /** The line as it is now, or null if the name was never used. */
  snapshot(name: string): LineView | null | Promise<LineView | null>;
  names(): string[] | Promise<string[]>;
  /**
   * Resolves when an entry of ours, or a name's line, may have changed; after `timeoutMs`; or when
   * `signal` aborts. Never rejects for these. A hint: look again.
   */
  changed(of: OwnEntry | string, options: ChangedOptions): Promise<void>;
}

/** A store that answers at once. */
export interface SyncStore extends Store {
  join(name: string, config: Config, request: Request): OwnEntry;
  leave(entry: OwnEntry): void;
  abandon(entry: OwnEntry, passOn?: Eviction): void;
  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): boolean;
  evict(name: string, ticket: number, eviction: Eviction): boolean;
  keep(entry: OwnEntry, keeps: Keeps): void;
  act(name: string, config: Config, action: Action): number | null;
  forget(name: string, options?: ForgetOptions): Forgotten;
  refresh(entry: OwnEntry): void;
  snapshot(name: string): LineView | null;
  names(): string[];
  /** Runs a call that will block this thread; signals keep their own effects on the process meanwhile. */
  blocking<T>(call: () => T): T;
  /** Blocks until the entry no longer waits, or the time is over. */
  wait(entry: OwnEntry, timeoutMs: number): void;
}

export interface ForgetOptions {
  /**
   * Only a name to which nothing was written for so long, in ms, and which has no value: no event that is set, no broken
   * barrier, no counter but one at 0. Default: any.
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

export interface AdoptOptions {
  /** Whether the other process becomes the only owner, and this session has nothing more to do with the entry. */
  handOver: boolean;
  /** The lifeline that the process, or one that watches it, has inherited. */
  lifeline?: CommandLifeline | null | undefined;
}

export interface ChangedOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Whether the process must stay alive for it. */
  keepAlive: boolean;
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
}

export interface OwnerView {
  /** The session's key: no other session has it. */
  session: string;
  pid: number;
  host: string;
  /** `here`: in our own pid namespace; `elsewhere`: in a container or on another machine. */
  place: 'here' | 'elsewhere';
  /** Why it is known to be gone, or null while it must be taken for alive. */
  gone: string | null;
}

export interface EntryView {
  /** Its place in line. */
  ticket: number;
  /** Its fencing token, if it holds; else 0. */
  token: number;
  state: 'holding' | 'waiting';
  /** Permits asked for; 0 for a shared entry of a lock. */
  ask: number;
  label: string;
  /** Wall clock in ms since 1970 at which it joined. */
  since: number;
  /** This session put it there. */
  ours: boolean;
  /** The session that joined, then those that adopted the entry. */
  owners: OwnerView[];
  /** If it waits: what its owner holds meanwhile, in this store. */
  keeps: Keeps;
  /** All its owners are gone: the next waiter will evict it. */
  stale: boolean;
}

export interface LineView extends Config {
  name: string;
  /** Of an event: 1 if it is set. Of a barrier: 1 if it is broken. Of a counter: the number. Else 0. */
  value: number;
  entries: EntryView[];
}
