import { BlockingDeadlockWatch, DeadlockWatch } from '../deadlock/deadlock.ts';
import { beginWait, endWait } from '../deadlock/idle-process.ts';
import { LockTimeoutError } from '../errors.ts';
import type { ForeignHold, ForeignLock } from '../foreign/foreign-lock.ts';
import type { Config } from '../line/config.ts';
import type { Kept } from '../line/entry.ts';
import { checkSwitch, type OptionNames } from '../options/option-names.ts';
import { holdersIn } from '../store/holders.ts';
import type { OwnEntry, Store, SyncStore } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';
import { type AcquireNames, type AcquireOptions, labelOf, PLAIN_NAMES } from './acquire-options.ts';
import { Flow, flowOf } from './flow.ts';
import { foreignHeld, foreignHeldSync } from './foreign-wait.ts';
import { joinedInTime, TRY_MS } from './joined-in-time.ts';
import type { Lease } from './lease.ts';
import type { LeaseTraits } from './lease-traits.ts';
import { leased } from './leased.ts';
import { Resource, type ResourceOptions } from './resource.ts';
import type { Pause } from './shared-entry.ts';
import { type SyncCall, syncOf } from './sync-store.ts';
import {
  abandonQuietly,
  abandonQuietlySync,
  checkBlockingWait,
  checkSignal,
  checkWait,
  untilHolding,
  untilHoldingSync,
} from './waiting.ts';

export type { ResourceOptions } from './resource.ts';

/** How one request differs from others. */
export interface Manner extends LeaseTraits {
  steal?: boolean;
}

const PLAIN: Manner = {};
/** Acquiring, for every resource whose line has permits. */
export abstract class Acquirable extends Resource {
  /** @internal The lock of other programs that is acquired along with this one. */
  protected readonly foreign: ForeignLock | null;

  /** @internal @throws {MisuseError} */
  constructor(
    name: string,
    config: Config,
    options: ResourceOptions,
    names?: OptionNames,
    foreign: ForeignLock | null = null,
  ) {
    super(name, config, options, names);
    this.foreign = foreign;
  }

  /** The options that this kind of resource takes. */
  protected get names(): AcquireNames {
    return PLAIN_NAMES;
  }

  /** The traits that distinguish its leases from those of others. */
  protected get traits(): LeaseTraits {
    return PLAIN;
  }

  /** How many permits a request asks for; 0 for a shared entry of a lock. @throws {MisuseError} */
  protected ask(_options: AcquireOptions): number {
    return 1;
  }

  /** A lease of an entry that the flow holds already; null if a new entry must join the line. */
  protected again(_flow: Flow | null): Lease | null {
    return null;
  }

  protected async enter(options: AcquireOptions, manner: Manner = this.traits): Promise<Lease> {
    this.names.acquire.check(options);
    checkWait(options);
    checkSwitch('detectDeadlock', options.detectDeadlock);
    const ask = this.ask(options);
    const flow = flowOf(options.owner);
    options.signal?.throwIfAborted();
    const again = this.again(flow);
    if (again) return again;
    const { store, foreign } = this;
    foreign?.checkSystem();
    const restMs = foreign && countdown(store.clock, options.timeout ?? Number.POSITIVE_INFINITY);
    const request = { ask, label: labelOf(options), onlyIfGranted: false, steal: manner.steal === true };
    const joined = store.join(this.name, this.config, request);
    const entry = joined instanceof Promise ? await joinedInTime(store, this.name, joined, options) : joined;
    let hold: ForeignHold | null = null;
    try {
      if (entry.state !== 'holding') await this.#wait(store, entry, options, flow);
      if (restMs) hold = await foreignHeld(foreign, store, entry, { ...options, restMs, isShared: ask === 0 });
      return leased({ store, entry, hold, ask }, manner, flow);
    } catch (error) {
      hold?.abandon();
      // An error of any class, even a bug: without a lease nothing would ever release the entry.
      await abandonQuietly(store, entry);
      throw error;
    }
  }

  /** @internal Takes an exclusive lock again, for a lease that gave it back for a while. */
  async reacquire({ shared, store, signal }: Pause, label: string | undefined): Promise<void> {
    const request = { ask: 1, label: labelOf({ label }), onlyIfGranted: false };
    const entry = await store.join(this.name, this.config, request);
    try {
      if (entry.state !== 'holding') await this.#wait(store, entry, { signal }, Flow.current);
      shared.resume(entry);
    } catch (error) {
      await abandonQuietly(store, entry);
      throw error;
    }
  }

  protected async tryEnter(options: AcquireOptions): Promise<Lease | null> {
    this.names.tryAcquire.check(options);
    checkSignal(options.signal);
    checkSwitch('detectDeadlock', options.detectDeadlock);
    const ask = this.ask(options);
    const flow = flowOf(options.owner);
    options.signal?.throwIfAborted();
    const again = this.again(flow);
    if (again) return again;
    const { store, foreign } = this;
    foreign?.checkSystem();
    const joined = store.join(this.name, this.config, { ask, label: labelOf(options), onlyIfGranted: true });
    const { signal } = options;
    const within = { timeout: TRY_MS, signal };
    const entry = joined instanceof Promise ? await joinedInTime(store, this.name, joined, within) : joined;
    if (entry.state === 'refused') return null;
    let hold: ForeignHold | null = null;
    try {
      if (foreign) hold = await foreign.within(ask === 0, 0, signal);
      signal?.throwIfAborted();
      if (hold || !foreign) return leased({ store, entry, hold, ask }, this.traits, flow);
      await store.abandon(entry);
      return null;
    } catch (error) {
      hold?.abandon();
      await abandonQuietly(store, entry);
      throw error;
    }
  }

  protected enterSync(options: AcquireOptions): Lease {
    this.names.acquireSync.check(options);
    checkBlockingWait(options);
    checkSwitch('detectDeadlock', options.detectDeadlock);
    const ask = this.ask(options);
    const flow = flowOf(options.owner);
    const call = 'acquireSync';
    const granted = this.#tryEnterSync(ask, options, flow, call);
    if (granted) return granted;
    const { store, foreign } = this;
    const sync = syncOf(store, this.name, call);
    const restMs = foreign && countdown(sync.clock, options.timeout ?? Number.POSITIVE_INFINITY);
    const request = { ask, label: labelOf(options), onlyIfGranted: false, blocks: true };
    let entry: OwnEntry | undefined;
    let hold: ForeignHold | null = null;
    try {
      // Before the entry is in line: a signal that arrived in between would be delayed as long as we wait.
      const waiter = sync.blocking(() => {
        entry = sync.join(this.name, this.config, request);
        if (entry.state !== 'holding') this.#waitSync(sync, entry, options);
        if (restMs) hold = foreignHeldSync(foreign, sync, entry, { ...options, restMs, isShared: ask === 0 });
        return entry;
      });
      return leased({ store, entry: waiter, hold, ask }, this.traits, flow);
    } catch (error) {
      (hold as ForeignHold | null)?.abandon();
      if (entry) abandonQuietlySync(sync, entry);
      throw error;
    }
  }

  protected tryEnterSync(options: AcquireOptions): Lease | null {
    this.names.tryAcquireSync.check(options);
    checkSignal(options.signal);
    checkSwitch('detectDeadlock', options.detectDeadlock);
    const ask = this.ask(options);
    const flow = flowOf(options.owner);
    options.signal?.throwIfAborted();
    return this.#tryEnterSync(ask, options, flow, 'tryAcquireSync');
  }

  #tryEnterSync(ask: number, options: AcquireOptions, flow: Flow | null, call: SyncCall): Lease | null {
    const again = this.again(flow);
    if (again) return again;
    const { store, foreign } = this;
    foreign?.checkSystem();
    const request = { ask, label: labelOf(options), onlyIfGranted: true, blocks: true };
    const sync = syncOf(store, this.name, call);
    const entry = sync.join(this.name, this.config, request);
    if (entry.state === 'refused') return null;
    let hold: ForeignHold | null = null;
    try {
      hold = foreign?.tryNow(ask === 0) ?? null;
      if (hold || !foreign) return leased({ store, entry, hold, ask }, this.traits, flow);
      sync.abandon(entry);
      return null;
    } catch (error) {
      hold?.abandon();
      abandonQuietlySync(sync, entry);
      throw error;
    }
  }

  protected async hold<T>(lease: Lease, work: (lease: Lease) => T | PromiseLike<T>): Promise<T> {
    let result: T;
    try {
      result = await Flow.runHolding(lease, () => work(lease));
    } catch (error) {
      // Preserve the original error.
      await lease.end().catch(() => undefined);
      throw error;
    }
    await lease.end();
    return result;
  }

  /** The entries that the caller holds already, and cannot release while it waits. */
  protected heldBy(flow: Flow | null): Kept[] {
    return flow?.heldIn(this.store) ?? [];
  }

  async #wait(store: Store, entry: OwnEntry, options: AcquireOptions, flow: Flow | null): Promise<void> {
    const { timeout = Number.POSITIVE_INFINITY, detectDeadlock: detect = true } = options;
    const held = this.heldBy(flow);
    const wait = beginWait();
    const kept = () => flow?.keptIn(store) ?? held;
    const watch = new DeadlockWatch(store, entry, { wait, mayKeep: held.length > 0, kept, detect });
    try {
      if (await untilHolding(store, entry, options, { watch })) return;
    } finally {
      endWait(wait);
    }
    throw new LockTimeoutError(this.name, timeout, holdersIn(await store.snapshot(this.name)));
  }

  #waitSync(sync: SyncStore, entry: OwnEntry, options: AcquireOptions): void {
    const { timeout = Number.POSITIVE_INFINITY, detectDeadlock: detect = true } = options;
    const watch = new BlockingDeadlockWatch(sync, entry, detect);
    if (untilHoldingSync(sync, entry, options, watch)) return;
    throw new LockTimeoutError(this.name, timeout, holdersIn(sync.snapshot(this.name)));
  }
}
