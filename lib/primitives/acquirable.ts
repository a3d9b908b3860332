import { BlockingDeadlockWatch, DeadlockWatch } from '../deadlock/deadlock.ts';
import { beginWait, endWait } from '../deadlock/idle-process.ts';
import { LockTimeoutError, MisuseError } from '../errors.ts';
import { commandLine } from '../host/command-line.ts';
import type { Kept } from '../line/entry.ts';
import { checkSwitch, OptionNames } from '../options/option-names.ts';
import { holdersIn } from '../store/holders.ts';
import type { OwnEntry, Store, SyncStore } from '../store/store.ts';
import { Flow, flowOf, type Owner } from './flow.ts';
import { Lease, type LeaseTraits } from './lease.ts';
import { Resource } from './resource.ts';
import type { Pause } from './shared-entry.ts';
import {
  abandonQuietly,
  abandonQuietlySync,
  checkBlockingWait,
  checkSignal,
  checkWait,
  untilHolding,
  untilHoldingSync,
  type WaitOptions,
} from './waiting.ts';

export type { ResourceOptions } from './resource.ts';

const MAX_LABEL = 200;

/** Options of every `acquire`. */
export interface AcquireOptions extends WaitOptions {
  /** A description of this entry for others, at most 200 characters. Default: this process's command line. */
  label?: string;
  /**
   * Whether to reject with `DeadlockError` when the wait provably cannot end: at once, also with a `timeout`. Default:
   * true. Proof is a cycle of waits in which each waiter is known to keep what the one before it needs;
   * `docs/deadlocks.md` says what is known, and which deadlocks are not reported.
   */
  detectDeadlock?: boolean;
  /** The flow of control that acquires. Default: the one whose code is running. */
  owner?: Owner;
}

/** How one request differs from others. */
export interface Manner extends LeaseTraits {
  steal?: boolean;
}

/** The options of the four ways to acquire. */
export interface AcquireNames {
  acquire: OptionNames;
  tryAcquire: OptionNames;
  acquireSync: OptionNames;
  tryAcquireSync: OptionNames;
}

/** `more`: the options that one kind of resource has beyond `AcquireOptions`; `instead`: what to do instead of others. */
export function acquireNames<More extends object>(
  more: Record<keyof Required<More>, true>,
  instead: Record<string, string> = {},
): AcquireNames {
  const tries = { signal: true, label: true, detectDeadlock: true, owner: true, ...more } as const;
  const waits = { timeout: true, ...tries } as const;
  const waiting = { number: 'timeout', instead: { ...instead, wait: ': did you mean timeout?' } };
  const trying = { instead: { ...instead, timeout: ', because it does not wait: acquire({ timeout }) does' } };
  return {
    acquire: new OptionNames<AcquireOptions & More>('acquire(…)', waits, waiting),
    tryAcquire: new OptionNames<Omit<AcquireOptions, 'timeout'> & More>('tryAcquire(…)', tries, trying),
    acquireSync: new OptionNames<AcquireOptions & More>('acquireSync(…)', waits, waiting),
    tryAcquireSync: new OptionNames<Omit<AcquireOptions, 'timeout'> & More>('tryAcquireSync(…)', tries, trying),
  };
}

const PLAIN: Manner = {};
const NAMES = acquireNames<object>(
  {},
  {
    mode: ': a Lock is exclusive; RWLock has modes',
    permits: ': Semaphore has permits',
  },
);

/** Acquiring, for every resource whose line has permits. */
export abstract class Acquirable extends Resource {
  /** The options that this kind of resource takes. */
  protected get names(): AcquireNames {
    return NAMES;
  }

  /** What distinguishes its leases from those of others. */
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
    const { store } = this;
    const request = { ask, label: labelOf(options), onlyIfGranted: false, steal: manner.steal === true };
    const joined = store.join(this.name, this.config, request);
    const entry = joined instanceof Promise ? await joined : joined;
    try {
      if (entry.state !== 'holding') await this.#wait(store, entry, options, flow);
      return leased(new Lease(store, entry, traitsOf(ask, manner)), flow);
    } catch (error) {
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
    const { store } = this;
    const entry = await store.join(this.name, this.config, { ask, label: labelOf(options), onlyIfGranted: true });
    if (entry.state === 'refused') return null;
    try {
      return leased(new Lease(store, entry, traitsOf(ask, this.traits)), flow);
    } catch (error) {
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
    const granted = this.#tryEnterSync(ask, options, flow);
    if (granted) return granted;
    const { store } = this;
    const sync = this.#syncOf(store);
    const request = { ask, label: labelOf(options), onlyIfGranted: false, blocks: true };
    let entry: OwnEntry | undefined;
    try {
      // Before the entry is in line: a signal that arrived in between would be delayed as long as we wait.
      const waiter = sync.blocking(() => {
        entry = sync.join(this.name, this.config, request);
        if (entry.state !== 'holding') this.#waitSync(sync, entry, options);
        return entry;
      });
      return leased(new Lease(store, waiter, traitsOf(ask, this.traits)), flow);
    } catch (error) {
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
    return this.#tryEnterSync(ask, options, flow);
  }

  #tryEnterSync(ask: number, options: AcquireOptions, flow: Flow | null): Lease | null {
    const again = this.again(flow);
    if (again) return again;
    const { store } = this;
    const request = { ask, label: labelOf(options), onlyIfGranted: true, blocks: true };
    const sync = this.#syncOf(store);
    const entry = sync.join(this.name, this.config, request);
    if (entry.state === 'refused') return null;
    try {
      return leased(new Lease(store, entry, traitsOf(ask, this.traits)), flow);
    } catch (error) {
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

  #syncOf(store: Store): SyncStore {
    if (store.sync) return store.sync;
    throw new MisuseError(`the store ${store.place} cannot be used synchronously; use the asynchronous methods`);
  }
}

function traitsOf(ask: number, traits: LeaseTraits): LeaseTraits {
  return ask === 0 ? { ...traits, isShared: true } : traits;
}

function leased(lease: Lease, flow: Flow | null): Lease {
  flow?.add(lease);
  return lease;
}

export function labelOf({ label }: { label?: string | undefined }): string {
  if (label === undefined) return commandLine();
  if (typeof label !== 'string') throw new MisuseError(`label must be a string, not ${typeof label}`);
  return label.length <= MAX_LABEL ? label : label.slice(0, MAX_LABEL);
}
