import { brand } from '../copies.ts';
import { LeaseLostError, StoreError } from '../errors.ts';
import type { EndSignal } from '../node-types.ts';
import { OptionNames } from '../options/option-names.ts';
import type { LineView, Store } from '../store/store.ts';
import { chosenStore, storeOf } from '../stores/open-store.ts';
import { onAbort } from '../time/abort-listener.ts';
import type { AcquireOptions } from './acquire-options.ts';
import type { Lease } from './lease.ts';
import type { ResourceOptions } from './resource.ts';
import { type LockMode, RWLock } from './rwlock.ts';

/** Options of `LockManager.request`. */
export interface LockRequestOptions {
  /** How to hold the lock. Default: `exclusive`. */
  mode?: LockMode;
  /** Whether the callback is called with null, instead of a wait, if the lock is not free now. Default: false. */
  ifAvailable?: boolean;
  /** Takes the lock from its holders, before all waiters. The holders' `request` rejects with `AbortError`. */
  steal?: boolean;
  /** Ends the wait: `request` rejects with the signal's reason. Once the lock is held it has no effect. */
  signal?: EndSignal | undefined;
  /** As for `Lock.acquire`. Not in the Web Locks API. Default: true. */
  detectDeadlock?: boolean;
}

/** The lock that is held while the callback runs, as its argument. */
export interface GrantedLock {
  readonly name: string;
  readonly mode: LockMode;
}

/** Runs while the lock is held; gets null if `ifAvailable` found it taken. */
export type LockGrantedCallback<T> = (lock: GrantedLock | null) => T | PromiseLike<T>;

/** A holder or a waiter of a lock. */
export interface LockInfo extends GrantedLock {
  /** The session that holds or waits: each process or thread has one, and each copy of this package in it. */
  readonly clientId: string;
}

/** The holders and waiters of a store's locks. */
export interface LockManagerSnapshot {
  held: LockInfo[];
  /** For each name, in the order in which they will be granted. */
  pending: LockInfo[];
}

const OPTIONS = new OptionNames<ResourceOptions>('new LockManager(…)', { store: true }, { string: 'store' });
const REQUEST = new OptionNames<LockRequestOptions>('request(name, …, callback)', {
  mode: true,
  ifAvailable: true,
  steal: true,
  signal: true,
  detectDeadlock: true,
});

/**
 * A `LockManager` is the Web Locks API (`navigator.locks`) for processes. Its locks are those of `Lock` and `RWLock`:
 * a name is the same lock here and there. `docs/web-locks.md` lists each member of the API, and its differences from
 * the browsers'.
 *
 * Use it for code that is written for `navigator.locks`, or for locks of a store other than the default one; `locks` has
 * those of the default store.
 *
 * @example
 * import { LockManager } from 'lockstep';
 * const locks = new LockManager({ store: './locks' });
 * await locks.request('index', { mode: 'shared' }, (lock) => console.log(lock?.mode)); // prints shared
 * await locks.request('cache', { ifAvailable: true }, (lock) => console.log(lock !== null)); // prints true
 */
export class LockManager {
  readonly #chosen: Store | string | undefined;

  /** @throws {MisuseError} for an unknown option, or a `store` that is none */
  constructor(options: ResourceOptions = {}) {
    OPTIONS.check(options);
    this.#chosen = chosenStore(options.store);
  }

  /**
   * Waits for the lock, runs the callback while it is held, releases the lock, and resolves to the callback's result.
   * The callback is never called before `request` returns.
   *
   * @throws (all reject) `TypeError` for a callback, options or a mode of another type, or a name of no or over 200
   *   bytes; `NotSupportedError` for a name that begins with `-`, and for options that exclude each other; the signal's
   *   reason if it aborts before the callback is called; `AbortError` as soon as the lock is lost or the waiter evicted,
   *   though the callback still runs; what the callback throws; `DeadlockError`; `StoreError`
   */
  request<T>(name: string, callback: LockGrantedCallback<T>): Promise<T>;
  request<T>(name: string, options: LockRequestOptions, callback: LockGrantedCallback<T>): Promise<T>;
  async request<T>(name: string, ...rest: unknown[]): Promise<T> {
    const [options, callback] = rest.length < 2 ? [undefined, rest[0]] : rest;
    const wanted = wantedOf<T>(name, options, callback);
    checkWanted(wanted);
    const lock = new ManagedLock(wanted.name, this.#chosen === undefined ? {} : { store: this.#chosen });
    return lock.request(wanted);
  }

  /** Resolves to the holders and waiters now. It reads one name after the other, not all at one moment. @throws {StoreError} (rejects) */
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
    return storeOf(this.#chosen);
  }
}

brand({ LockManager });

/**
 * The locks of the default store, as `navigator.locks` has those of a browser.
 *
 * Use it where the default store is the right one.
 *
 * @example
 * import { locks } from 'lockstep';
 * await locks.request('deploy', () => console.log('alone')); // prints alone
 * console.log((await locks.query()).held.length); // prints 0
 */
export const locks = new LockManager();

/** The arguments of one call of `request`, with all defaults filled in. */
interface Wanted<T> extends Required<LockRequestOptions> {
  name: string;
  callback: LockGrantedCallback<T>;
}

/**
 * Converts the arguments in the order of Web IDL, as the standard does. Reads each option once, because a getter may
 * return another value the next time.
 *
 * @throws {TypeError}
 */
function wantedOf<T>(name: unknown, options: unknown, callback: unknown): Wanted<T> {
  // Not String(): it would accept a symbol as a name.
  const text = `${name}`;
  if (!isDictionary(options)) throw new TypeError(`the options must be an object, not ${typeof options}`);
  if (typeof options === 'object' && options !== null) REQUEST.check(options);
  const { ifAvailable, mode = 'exclusive', signal, steal, detectDeadlock = true } = options ?? {};
  const wantedMode = `${mode}`;
  if (wantedMode !== 'exclusive' && wantedMode !== 'shared')
    throw new TypeError(`mode must be 'exclusive' or 'shared', not ${JSON.stringify(wantedMode)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
  if (typeof callback !== 'function') throw new TypeError(`the callback must be a function, not ${typeof callback}`);
  return {
    name: text,
    mode: wantedMode,
    ifAvailable: Boolean(ifAvailable),
    steal: Boolean(steal),
    signal,
    detectDeadlock,
    callback: callback as LockGrantedCallback<T>,
  };
}

function isDictionary(options: unknown): options is LockRequestOptions | null | undefined {
  return options === undefined || typeof options === 'object' || typeof options === 'function';
}

/** Checks in the order of the standard. @throws `NotSupportedError` */
function checkWanted({ name, mode, ifAvailable, steal, signal }: Wanted<unknown>): void {
  if (name.startsWith('-')) throw notSupported(`a name must not begin with '-': ${JSON.stringify(name)}`);
  if (steal && ifAvailable) throw notSupported('steal and ifAvailable exclude each other');
  if (steal && mode !== 'exclusive') throw notSupported("steal needs the mode 'exclusive'");
  if (signal && (steal || ifAvailable)) throw notSupported('a signal has nothing to end with steal or ifAvailable');
}

function notSupported(message: string): DOMException {
  return new DOMException(message, 'NotSupportedError');
}

class ManagedLock extends RWLock {
  async request<T>(wanted: Wanted<T>): Promise<T> {
    const { mode, signal, callback } = wanted;
    const lease = await this.#granted(wanted);
    if (!lease) return callback(null);
    const work = () => {
      // The signal may have aborted between the grant and this call.
      signal?.throwIfAborted();
      return callback(Object.freeze({ name: this.name, mode }));
    };
    return untilLost(lease, () => this.hold(lease, work));
  }

  async #granted({ mode, ifAvailable, steal, signal, detectDeadlock }: Wanted<unknown>): Promise<Lease | null> {
    const options: AcquireOptions & { mode: LockMode } = { mode, detectDeadlock, signal };
    try {
      if (steal) return await this.enter(options, { steal });
      return await (ifAvailable ? this.tryAcquire(options) : this.acquire(options));
    } catch (error) {
      throw error instanceof StoreError && error.code === 'EVICTED' ? aborted(error) : error;
    }
  }
}

/** Settles as `run` does, or rejects with an `AbortError` as soon as the lease is lost. */
function untilLost<T>(lease: Lease, run: () => Promise<T>): Promise<T> {
  // Listen before the callback runs: the callback itself may have the lock stolen.
  const { signal } = lease;
  return new Promise((resolve, reject) => {
    const onLoss = () => reject(aborted(signal.reason as Error));
    const stopListening = onAbort(signal, onLoss);
    if (signal.aborted) onLoss();
    run()
      .then(resolve, async (error) => {
        const loss = await lossOf(lease);
        reject(loss ? aborted(loss) : error);
      })
      .finally(stopListening);
  });
}

/** The loss of a lease that has ended, also if it was not noticed yet; null if the lease was not lost. */
async function lossOf(lease: Lease): Promise<LeaseLostError | null> {
  try {
    await lease.assertHeld();
    return null;
  } catch (error) {
    return error instanceof LeaseLostError ? error : null;
  }
}

function aborted(cause: Error): DOMException {
  return new DOMException(cause.message, { name: 'AbortError', cause });
}

function addTo({ held, pending }: LockManagerSnapshot, { name, entries }: LineView): void {
  for (const { state, ask, owners, stale } of entries) {
    // A stale entry holds nothing: the next request evicts it.
    if (stale) continue;
    // The session that joined; or, of an entry that was handed over or inherited, the one that owns it now.
    const clientId = owners.find(({ gone }) => gone === null)?.session ?? '';
    (state === 'holding' ? held : pending).push({ name, mode: ask === 0 ? 'shared' : 'exclusive', clientId });
  }
}
