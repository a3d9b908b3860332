import { defaultStore, openStore } from '../disk/open-store.ts';
import { LeaseLostError, StoreError } from '../errors.ts';
import type { LineView, Store } from '../store/store.ts';
import { onAbort } from '../time/abort-listener.ts';
import type { AcquireOptions } from './acquirable.ts';
import type { Lease } from './lease.ts';
import type { ResourceOptions } from './resource.ts';
import { type LockMode, RWLock } from './rwlock.ts';

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
 * the same one here and there. `docs/web-locks.md` goes through the API member by member, and says where
 * this differs from it in browsers.
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
   * @throws (all reject) `TypeError` for a callback that is none, options or a mode that are none, or a name of no or
   *   over 200 bytes; `NotSupportedError` for a name that begins with `-`, and for options that exclude each other; the
   *   signal's reason if it aborts before the callback is called; `AbortError` as soon as the lock, or the place in
   *   line, is taken away, though the callback still runs; what the callback throws; `DeadlockError`; `StoreError`
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

/** One call of `request`, with everything in it that may be left out. */
interface Wanted<T> extends Required<LockRequestOptions> {
  name: string;
  callback: LockGrantedCallback<T>;
}

/**
 * The arguments as the standard's, in the order in which Web IDL converts them. Each option is read once, because
 * an object may answer differently the next time.
 *
 * @throws {TypeError}
 */
function wantedOf<T>(name: unknown, options: unknown, callback: unknown): Wanted<T> {
  // Not String(): of a symbol, it would make a name.
  const text = `${name}`;
  if (!isDictionary(options)) throw new TypeError(`the options must be an object, not ${typeof options}`);
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

/** In the order in which the standard checks. @throws `NotSupportedError` */
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
      // It may have aborted since the grant, which nobody but us knows of so far.
      signal?.throwIfAborted();
      return callback(Object.freeze({ name: this.name, mode }));
    };
    return untilLost(lease, () => this.hold(lease, work));
  }

  async #granted({ mode, ifAvailable, steal, signal, detectDeadlock }: Wanted<unknown>): Promise<Lease | null> {
    const options: AcquireOptions & { mode: LockMode } = { mode, detectDeadlock, signal };
    try {
      if (steal) return await this.enter(1, options, { steal });
      return await (ifAvailable ? this.tryAcquire(options) : this.acquire(options));
    } catch (error) {
      throw error instanceof StoreError && error.code === 'EVICTED' ? aborted(error) : error;
    }
  }
}

/** What is done under a lease; or, as soon as that is taken away, an `AbortError`. */
function untilLost<T>(lease: Lease, run: () => Promise<T>): Promise<T> {
  // Listened to before the callback runs, which may have the lock stolen itself.
  const { signal } = lease;
  return new Promise((resolve, reject) => {
    const onLoss = () => reject(aborted(signal.reason as Error));
    const stopHearing = onAbort(signal, onLoss);
    if (signal.aborted) onLoss();
    run()
      .then(resolve, async (error) => {
        const loss = await lossOf(lease);
        reject(loss ? aborted(loss) : error);
      })
      .finally(stopHearing);
  });
}

/** The loss of a lease that has ended, also if nobody has told of it yet; null if it was not lost. */
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
    // The dead hold nothing: who asks next takes them out of the line.
    if (stale) continue;
    // Whoever asked; or, of an entry that was handed over or inherited, the one that has it.
    const clientId = owners.find(({ gone }) => gone === null)?.session ?? '';
    (state === 'holding' ? held : pending).push({ name, mode: ask === 0 ? 'shared' : 'exclusive', clientId });
  }
}
