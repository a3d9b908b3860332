import type { AcquireOptions } from './acquirable.ts';
import { LeaseLostError } from './errors.ts';
import type { Lease } from './lease.ts';
import { defaultStore, openStore } from './open-store.ts';
import type { ResourceOptions } from './resource.ts';
import { type LockMode, RWLock } from './rwlock.ts';
import type { LineView, Store } from './store.ts';

export interface LockRequestOptions {
  /** Default: `exclusive`. */
  mode?: LockMode;
  /** If it is not free now, the callback is called with null. */
  ifAvailable?: boolean;
  /** Takes it from whoever holds it, before whoever waits. Their `request` rejects with `AbortError`. */
  steal?: boolean;
  /** Ends the wait: `request` rejects with its reason. Once the lock is held it does nothing. */
  signal?: AbortSignal | undefined;
  /** Not in the Web Locks API. As of `Lock.acquire`. */
  detectDeadlock?: boolean;
}

/** The lock, as the callback gets it. */
export interface GrantedLock {
  readonly name: string;
  readonly mode: LockMode;
}

export type LockGrantedCallback<T> = (lock: GrantedLock | null) => T | PromiseLike<T>;

export interface LockInfo extends GrantedLock {
  /** The session that holds or waits: one process, or thread, has one. */
  readonly clientId: string;
}

export interface LockManagerSnapshot {
  held: LockInfo[];
  /** For each name in the order in which they will be granted. */
  pending: LockInfo[];
}

/**
 * The Web Locks API (`navigator.locks`), for processes. Its locks are those of `Lock` and `RWLock`: a name means
 * the same one here and there. `docs/web-locks.md` says where it differs from the API in browsers.
 *
 * ```ts
 * import { locks } from 'lockstep';
 * await locks.request('deploy', async () => { … });                       // exclusive
 * await locks.request('index', { mode: 'shared' }, async () => { … });
 * await locks.request('cache', { ifAvailable: true }, (lock) => { if (!lock) return; … });
 * ```
 */
export class LockManager {
  readonly #chosen: Store | string | undefined;

  constructor({ store }: ResourceOptions = {}) {
    this.#chosen = store;
  }

  /**
   * Waits for the lock, runs the callback while it is held, and resolves to what the callback comes to, once the lock
   * is released. The callback is never called before `request` returns.
   *
   * @throws (all reject) `TypeError` for a callback that is none, a mode that is none, or a name of no or over 200 bytes;
   *   `NotSupportedError` for a name that begins with `-`, and for options that exclude each other; the
   *   signal's reason if it aborts; `AbortError` as soon as the lock is taken away, though the callback still runs;
   *   what the callback throws; `DeadlockError`; `StoreError`
   */
  request<T>(name: string, callback: LockGrantedCallback<T>): Promise<T>;
  request<T>(name: string, options: LockRequestOptions, callback: LockGrantedCallback<T>): Promise<T>;
  async request<T>(name: string, ...rest: unknown[]): Promise<T> {
    const [given, callback] = rest.length < 2 ? [{}, rest[0]] : rest;
    const options = checkRequest(String(name), (given ?? {}) as LockRequestOptions, callback);
    const lock = new ManagedLock(String(name), this.#chosen === undefined ? {} : { store: this.#chosen });
    return lock.request(options, callback as LockGrantedCallback<T>);
  }

  /** Who holds and who waits now. Each name is looked at by itself, one after the other. */
  async query(): Promise<LockManagerSnapshot> {
    const store = this.#store;
    const snapshot: LockManagerSnapshot = { held: [], pending: [] };
    for (const name of await store.names()) {
      const line = await store.snapshot(name);
      if (line?.kind === 'lock') addTo(snapshot, line);
    }
    return snapshot;
  }

  get #store(): Store {
    if (this.#chosen === undefined) return defaultStore();
    return typeof this.#chosen === 'string' ? openStore(this.#chosen) : this.#chosen;
  }
}

/** The locks of the default store. */
export const locks = new LockManager();

type Checked = LockRequestOptions & { mode: LockMode };

/** In the order in which the standard checks. @throws {TypeError} or `NotSupportedError` */
function checkRequest(name: string, options: LockRequestOptions, callback: unknown): Checked {
  const { mode = 'exclusive', ifAvailable = false, steal = false, signal } = options;
  if (mode !== 'exclusive' && mode !== 'shared')
    throw new TypeError(`mode must be 'exclusive' or 'shared', not ${JSON.stringify(mode)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
  if (typeof callback !== 'function') throw new TypeError(`the callback must be a function, not ${typeof callback}`);
  if (name.startsWith('-')) throw notSupported(`a name must not begin with '-': ${JSON.stringify(name)}`);
  if (steal && ifAvailable) throw notSupported('steal and ifAvailable exclude each other');
  if (steal && mode !== 'exclusive') throw notSupported("steal needs the mode 'exclusive'");
  if (signal && (steal || ifAvailable)) throw notSupported('a signal has nothing to end with steal or ifAvailable');
  return { ...options, mode };
}

function notSupported(message: string): DOMException {
  return new DOMException(message, 'NotSupportedError');
}

class ManagedLock extends RWLock {
  async request<T>(options: Checked, callback: LockGrantedCallback<T>): Promise<T> {
    const lease = await this.#granted(options);
    if (!lease) return callback(null);
    const { mode } = options;
    return untilLost(
      lease,
      this.hold(lease, () => callback(Object.freeze({ name: this.name, mode }))),
    );
  }

  #granted({ mode, ifAvailable, steal, signal, detectDeadlock = true }: Checked): Promise<Lease | null> {
    const options: AcquireOptions & { mode: LockMode } = { mode, detectDeadlock, signal };
    if (steal) return this.enter(1, options, { steal });
    return ifAvailable ? this.tryAcquire(options) : this.acquire(options);
  }
}

/** What was done under a lease; or, as soon as it is taken away, an `AbortError`. */
function untilLost<T>(lease: Lease, done: Promise<T>): Promise<T> {
  const { signal } = lease;
  return new Promise((resolve, reject) => {
    const onLoss = () => reject(aborted(signal.reason as Error));
    signal.addEventListener('abort', onLoss, { once: true });
    done
      .then(resolve, (error) => reject(error instanceof LeaseLostError ? aborted(error) : error))
      .finally(() => signal.removeEventListener('abort', onLoss));
  });
}

function aborted(cause: Error): DOMException {
  return new DOMException(cause.message, { name: 'AbortError', cause });
}

function addTo({ held, pending }: LockManagerSnapshot, { name, entries }: LineView): void {
  for (const { state, ask, owners, stale } of entries) {
    if (stale) continue;
    const info: LockInfo = { name, mode: ask === 0 ? 'shared' : 'exclusive', clientId: owners.at(-1)?.session ?? '' };
    (state === 'holding' ? held : pending).push(info);
  }
}
