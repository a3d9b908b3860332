import { beginWait, nothingElseToDo, throwIfHeldByUs } from './deadlock.ts';
import { type LockstepError, LockTimeoutError, MisuseError, StoreError } from './errors.ts';
import { Lease } from './lease.ts';
import type { Config } from './line.ts';
import { checkName } from './name.ts';
import { defaultStore, openStore } from './open-store.ts';
import { commandLine } from './own-command.ts';
import { holdersIn } from './standing.ts';
import type { LineView, OwnEntry, Store, SyncStore } from './store.ts';

/** `setTimeout` takes no longer one; waits that are meant to last longer go round again. */
const MAX_WAIT_MS = 2 ** 31 - 1;
const MAX_LABEL = 200;
/** How soon a wait looks whether it can ever end, and how rarely later on. */
const DEADLOCK_CHECK_MS = 25;
const DEADLOCK_CHECK_MOST_MS = 1_000;

export interface ResourceOptions {
  /** A store, or the directory of one on disk. Default: `$LOCKSTEP_DIR`, or the user's own. */
  store?: Store | string;
}

export interface AcquireOptions {
  /** How long to wait, in ms. Default: as long as it takes. 0: not at all. */
  timeout?: number;
  /** Ends the wait; `acquire` then rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** What others see of this entry, at most 200 characters. Default: this process's command line. */
  label?: string;
  /**
   * Whether a wait that can never end is told, as a `DeadlockError`, instead of suffered. Default: true.
   * Told is what is certain: this process holds the resource alone, and has nothing left to do that
   * could give it back. A release from an unreferenced timer is not foreseen.
   */
  detectDeadlock?: boolean;
}

/** What `acquire` and its like do, for every resource that is a line of entries. */
export abstract class Acquirable {
  readonly name: string;
  readonly #config: Config;
  readonly #chosen: Store | string | undefined;
  #store: Store | undefined;

  /** @throws {MisuseError} */
  constructor(name: string, config: Config, { store }: ResourceOptions) {
    checkName(name);
    this.name = name;
    this.#config = config;
    this.#chosen = store;
  }

  /** Where the resource's line is. */
  get store(): Store {
    this.#store ??= this.#openStore();
    return this.#store;
  }

  #openStore(): Store {
    if (this.#chosen === undefined) return defaultStore();
    return typeof this.#chosen === 'string' ? openStore(this.#chosen) : this.#chosen;
  }

  /** Where another process finds it. @throws {MisuseError} */
  protected get place(): string {
    const { store } = this;
    if (store.sync) return store.place;
    throw new MisuseError(`${this.name}: the store ${store.place} cannot be handed to another process`);
  }

  /** The line as it is now: who holds, who waits. */
  async inspect(): Promise<LineView> {
    return (await this.store.snapshot(this.name)) ?? { name: this.name, ...this.#config, entries: [] };
  }

  protected async enter(ask: number, options: AcquireOptions): Promise<Lease> {
    checkWait(options);
    options.signal?.throwIfAborted();
    const { store } = this;
    const joined = store.join(this.name, this.#config, { ask, label: labelOf(options), onlyIfGranted: false });
    const entry = joined instanceof Promise ? await joined : joined;
    if (entry.state !== 'holding') await this.#wait(store, entry, options);
    return new Lease(store, entry);
  }

  protected async tryEnter(ask: number, options: AcquireOptions): Promise<Lease | null> {
    options.signal?.throwIfAborted();
    const { store } = this;
    const entry = await store.join(this.name, this.#config, { ask, label: labelOf(options), onlyIfGranted: true });
    return entry.state === 'refused' ? null : new Lease(store, entry);
  }

  protected enterSync(ask: number, options: AcquireOptions): Lease {
    checkWait(options);
    options.signal?.throwIfAborted();
    const { store } = this;
    const sync = this.#syncOf(store);
    const request = { ask, label: labelOf(options) };
    const granted = sync.join(this.name, this.#config, { ...request, onlyIfGranted: true });
    if (granted.state === 'holding') return new Lease(store, granted);
    // Before the entry is in line: a signal that came in between would wait for us as long as we wait.
    const entry = sync.blocking(() => {
      const waiter = sync.join(this.name, this.#config, { ...request, onlyIfGranted: false });
      if (waiter.state !== 'holding') this.#waitSync(sync, waiter, options);
      return waiter;
    });
    return new Lease(store, entry);
  }

  protected tryEnterSync(ask: number, options: AcquireOptions): Lease | null {
    options.signal?.throwIfAborted();
    const { store } = this;
    const entry = this.#syncOf(store).join(this.name, this.#config, {
      ask,
      label: labelOf(options),
      onlyIfGranted: true,
    });
    return entry.state === 'refused' ? null : new Lease(store, entry);
  }

  protected async hold<T>(lease: Lease, work: (lease: Lease) => T | PromiseLike<T>): Promise<T> {
    let result: T;
    try {
      result = await work(lease);
    } catch (error) {
      // What went wrong in the work is what its caller must hear of, not what follows from it.
      await lease.release().catch(() => undefined);
      throw error;
    }
    await lease.release();
    return result;
  }

  async #wait(store: Store, entry: OwnEntry, options: AcquireOptions): Promise<void> {
    const { timeout = Number.POSITIVE_INFINITY, signal, detectDeadlock = true } = options;
    const deadline = performance.now() + timeout;
    const endWait = beginWait();
    let mostMs = detectDeadlock ? DEADLOCK_CHECK_MS : MAX_WAIT_MS;
    try {
      while (entry.state === 'waiting' && !signal?.aborted) {
        const restMs = deadline - performance.now();
        if (restMs <= 0) break;
        await store.changed(entry, { timeoutMs: Math.min(restMs, mostMs), signal, keepAlive: true });
        if (detectDeadlock && entry.state === 'waiting') {
          if (nothingElseToDo()) throwIfHeldByUs(await store.snapshot(this.name), entry);
          mostMs = Math.min(mostMs * 4, DEADLOCK_CHECK_MOST_MS);
        }
      }
    } catch (error) {
      await this.#abandon(store, entry);
      throw error;
    } finally {
      endWait();
    }
    const line = entry.state === 'waiting' && !signal?.aborted ? await store.snapshot(this.name) : null;
    // The last look may have found it granted.
    if (isHolding(entry) && !signal?.aborted) return;
    await this.#abandon(store, entry);
    signal?.throwIfAborted();
    throw this.#notAcquired(entry, timeout, line);
  }

  #waitSync(sync: SyncStore, entry: OwnEntry, options: AcquireOptions): void {
    const { timeout = Number.POSITIVE_INFINITY, detectDeadlock = true } = options;
    try {
      if (detectDeadlock && timeout > 0) throwIfHeldByUs(sync.snapshot(this.name), entry);
      sync.wait(entry, timeout);
    } catch (error) {
      sync.leave(entry);
      throw error;
    }
    const line = sync.snapshot(this.name);
    if (isHolding(entry)) return;
    sync.leave(entry);
    throw this.#notAcquired(entry, timeout, line);
  }

  /** Takes an entry that nobody waits for any more out of the line, whatever became of it. */
  async #abandon(store: Store, entry: OwnEntry): Promise<void> {
    if (entry.state === 'waiting' || entry.state === 'holding') await store.leave(entry);
  }

  #notAcquired(entry: OwnEntry, timeout: number, line: LineView | null): LockstepError {
    if (entry.state !== 'lost') return new LockTimeoutError(this.name, timeout, holdersIn(line));
    const { reason, by } = entry.eviction ?? { reason: 'evicted', by: 'unknown' };
    return new StoreError('EVICTED', `${this.name}: taken out of the line while waiting: ${reason}, says ${by}.`, {
      operation: 'acquire',
      resource: this.name,
      path: this.store.place,
    });
  }

  #syncOf(store: Store): SyncStore {
    if (store.sync) return store.sync;
    throw new MisuseError(`the store ${store.place} cannot be used synchronously; use the asynchronous methods`);
  }
}

/** A function, because its answer changes between two calls, which the compiler would not believe. */
function isHolding(entry: OwnEntry): boolean {
  return entry.state === 'holding';
}

function checkWait({ timeout }: AcquireOptions): void {
  if (timeout === undefined || (typeof timeout === 'number' && timeout >= 0)) return;
  throw new MisuseError(`timeout must be a number of milliseconds from 0 up, not ${String(timeout)}`);
}

function labelOf({ label }: AcquireOptions): string {
  if (label === undefined) return commandLine();
  if (typeof label !== 'string') throw new MisuseError(`label must be a string, not ${typeof label}`);
  return label.length <= MAX_LABEL ? label : label.slice(0, MAX_LABEL);
}
