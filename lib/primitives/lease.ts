import { brand } from '../copies.ts';
import { isSameStore } from '../deadlock/open-stores.ts';
import { LeaseLostError, MisuseError } from '../errors.ts';
import type { Kept } from '../line/entry.ts';
import type { EndSignal } from '../node-types.ts';
import type { AdoptOptions, CommandLifeline, OwnEntry, Store } from '../store/store.ts';
import { checkPid, type LeaseTraits } from './lease-traits.ts';
import { LossWatch } from './loss-watch.ts';
import { Release } from './release.ts';
import { type Pause, SharedEntry } from './shared-entry.ts';
import { abandonQuietly } from './waiting.ts';

/**
 * A `Lease` is the right to a resource, from `acquire` until `release()`.
 *
 * Use it when the protected work is no single function; otherwise `withLock` and its like release it by themselves.
 *
 * - *Crash:* the lease ends with the process, whatever ends that. After a clean exit, an uncaught exception, SIGINT,
 *   SIGTERM or SIGHUP at once; after SIGKILL as soon as the next waiter checks, which is within 100 ms.
 * - *Loss:* the lease can be evicted (`lockstep break`, a keepalive that stood still). Then `signal` aborts and
 *   `release()` rejects, both with `LeaseLostError`. The successor's entry is never touched.
 *
 * A process that is stopped (SIGSTOP, a suspended laptop) cannot notice a loss. If the work writes to something that
 * can compare numbers, send `token` along, and have it refuse a smaller one than it saw.
 *
 * @example
 * import { Lock } from 'lockstep';
 * await using lease = await new Lock('deploy').acquire();
 * await fetch('data:,stand-in', { headers: { 'fencing-token': String(lease.token) }, signal: lease.signal });
 * await lease.assertHeld();
 * console.log(lease.held); // prints true
 */
export class Lease implements AsyncDisposable, Disposable {
  readonly #store: Store;
  readonly #traits: LeaseTraits;
  readonly #shared: SharedEntry;
  readonly #release: Release;
  #loss: LossWatch | null = null;

  /** @internal */
  constructor(store: Store, entry: OwnEntry, traits: LeaseTraits = {}, shared = new SharedEntry(entry)) {
    this.#store = store;
    this.#traits = traits;
    this.#shared = shared;
    this.#release = new Release(store, shared, traits.strict === true);
  }

  /** The resource's name. */
  get name(): string {
    return this.#entry.name;
  }

  /** The fencing token: it grows from each holder of the resource to the next. */
  get token(): number {
    return this.#entry.token;
  }

  /** Whether the lease is held, as far as this process knows without reading the disk. */
  get held(): boolean {
    return !this.#release.hasBegun && this.#shared.isHeld;
  }

  /** @internal Whether it will never be held again. */
  get isOver(): boolean {
    return this.#release.isDone || this.#shared.isOver;
  }

  /**
   * Aborts, with a `LeaseLostError`, when the lease is lost. The process watches for that from the first use of
   * `signal` on, and notices it within milliseconds, or within a second where file notifications are not available.
   * The watch keeps no process alive. After `release()` the signal never aborts.
   */
  get signal(): EndSignal {
    this.#loss ??= new LossWatch(this.#store, this.#shared, () => this.#release.isDone);
    return this.#loss.signal;
  }

  /**
   * Releases the resource, which the next waiter in line then holds. A second call does nothing: it ends as the first
   * one does, if that is not over yet. A lease of a `BoundedSemaphore` rejects it.
   *
   * @throws {LeaseLostError} (rejects) if the lease was lost before
   * @throws {MisuseError} (rejects) if `release` was called before, and the lease is of a `BoundedSemaphore`
   * @throws {StoreError} (rejects) if the release could not be written. The lease is still held then: call again, or end
   *   the process, which ends the lease too.
   */
  release(): Promise<void> {
    return this.#release.by('leave');
  }

  /** @internal Of an item of a queue: the same, and the item ends with it. */
  complete(): Promise<void> {
    return this.#release.by('done');
  }

  /**
   * @internal Releases at the end of a block, where no caller could try again: if the release cannot be written, the
   * store retries it.
   */
  end(): Promise<void> {
    return this.#release.by('abandon');
  }

  /**
   * Checks on the disk that the lease is still held. It may be lost right after: the check only shortens the time in
   * which a loss goes unnoticed.
   *
   * @throws {LeaseLostError} (rejects) if the lease is lost
   * @throws {StoreError} (rejects) if the files cannot be read
   */
  async assertHeld(): Promise<void> {
    await this.#store.refresh(this.#entry);
    this.#shared.foreign?.check();
    this.#shared.throwIfLost();
  }

  /** Releases as `release` does, without a promise. For stores on disk only. @throws as `release` */
  releaseSync(): void {
    this.#release.bySync('leave');
  }

  /**
   * Makes another process of this machine an owner too: the resource becomes free only when both processes are gone,
   * or the lease is released. So a child that does the protected work keeps the lock when its parent is killed.
   * Resolves to false if there is no such process (any more).
   *
   * In a store on servers the other process, and all that it started, is ended if the lease is lost: SIGTERM, then SIGKILL before
   * others can get in. It would not learn of it otherwise. A `release` here does not end it.
   *
   * @throws {MisuseError} (rejects) for a pid that is no whole number from 1 up; of a lock with `alsoLock`, whose other lock ends with
   *   this process
   * @throws {LeaseLostError} (rejects) if the lease is lost
   */
  async adopt(pid: number): Promise<boolean> {
    this.#checkAlone('adopt');
    return this.adoptCommand(pid, {});
  }

  /** @internal The descriptor of the other lock, which a command must inherit; null where there is none. */
  foreignDescriptor(): number | null {
    return this.#shared.foreign?.descriptor() ?? null;
  }

  /** @internal A lifeline for `adoptCommand`, which the command must inherit. */
  commandLifeline(): CommandLifeline | null {
    return this.#store.commandLifeline();
  }

  /** @internal `adopt`, for a command that has inherited a lifeline. */
  async adoptCommand(pid: number, options: Omit<AdoptOptions, 'handOver'>): Promise<boolean> {
    checkPid(pid);
    const adopted = await this.#store.adopt(this.#entry, pid, { ...options, handOver: false });
    this.#shared.throwIfLost();
    return adopted;
  }

  /** @internal Replaces the document under its name. @throws {LeaseLostError} (rejects) if it is lost: then nothing was changed */
  async replaceDocument(bytes: Uint8Array, revision: number): Promise<'replaced' | 'changed'> {
    const outcome = (await this.#store.documents?.replace(this.#entry, bytes, revision)) ?? 'lost';
    if (outcome !== 'lost') return outcome;
    throw this.#shared.lost ?? new LeaseLostError(this.name, this.token, 'it is no longer in the line');
  }

  /** @internal In a store of leases: the ms for which no successor can get in, also after the loss. Null elsewhere. */
  get staysMs(): number | null {
    return this.#entry.staysMs ?? null;
  }

  /**
   * Hands the entry over to another process of this machine: it is held until that process ends, or until it is
   * evicted. This process no longer owns it. Resolves to false if there is no such process.
   *
   * In a store on servers that process is ended with what it started if the lease is lost, as with `adopt`; not if it is this one.
   *
   * @throws {LeaseLostError} (rejects) if the lease is lost
   */
  handOver(pid: number): Promise<boolean>;
  /** @internal */
  handOver(pid: number, lifeline: CommandLifeline | null): Promise<boolean>;
  async handOver(pid: number, lifeline: CommandLifeline | null = null): Promise<boolean> {
    checkPid(pid);
    this.#checkAlone('handOver');
    const adopted = await this.#store.adopt(this.#entry, pid, { handOver: true, lifeline });
    this.#shared.throwIfLost();
    return adopted;
  }

  /** Releases at the end of an `await using` block, unless that is done already. */
  async [Symbol.asyncDispose](): Promise<void> {
    // One that is under way may fail. It is tried again then.
    await this.#release.pending?.catch(() => undefined);
    if (!this.#release.isDone) await this.end();
  }

  /** Releases at the end of a `using` block, unless that is done already. For stores on disk only. */
  [Symbol.dispose](): void {
    if (this.#release.hasBegun) return;
    // It must not stay held, whatever is reported.
    if (!this.#store.sync) void this.end().catch(() => undefined);
    this.#release.bySync('abandon');
  }

  /** @throws {MisuseError} for a call that would leave the lock of other programs behind */
  #checkAlone(call: string): void {
    if (this.#shared.foreign === null) return;
    throw new MisuseError(
      `${this.name}: ${call} would give the lock to another process, and the lock of alsoLock stays with this one. Acquire it there`,
    );
  }

  /** @internal Its place in the lines of a store; null if it is not held, or is of another store. */
  placeIn(store: Store): Kept | null {
    return this.held && isSameStore(store, this.#store) ? { name: this.name, ticket: this.#entry.ticket } : null;
  }

  /** @internal One more lease of the same entry, if that may be acquired again. */
  again(store: Store, name: string): Lease | null {
    if (!this.#traits.reentrant || !this.isOf(store, name)) return null;
    this.#shared.leases += 1;
    return new Lease(this.#store, this.#entry, this.#traits, this.#shared);
  }

  /** @internal Whether it is held, and locks this name for others, also for those that share. */
  isOf(store: Store, name: string): boolean {
    return this.held && !this.#traits.isShared && name === this.name && isSameStore(store, this.#store);
  }

  /**
   * @internal Runs `work`, which gives the entry back and takes another one. From the call on, and until `work` is over,
   * the lease is not held.
   */
  async pause<T>(work: (pause: Pause) => Promise<T>): Promise<T> {
    const [shared, store] = [this.#shared, this.#store];
    const signal = shared.pause();
    try {
      await this.assertHeld();
      return await work({ shared, store, signal });
    } finally {
      shared.endPause();
      // Released before it could leave the line: nothing else would end it.
      if (signal.aborted && shared.isHeld) await abandonQuietly(store, shared.current);
    }
  }

  get #entry(): OwnEntry {
    return this.#shared.current;
  }
}

brand({ Lease });
