import { LeaseLostError, MisuseError } from '../errors.ts';
import type { Kept } from '../line/entry.ts';
import type { OwnEntry, Store } from '../store/store.ts';

/** How often a holder that listens for its loss looks by itself. */
const WATCH_MS = 1_000;

/** How one lease differs from others. */
export interface LeaseTraits {
  /** A second `release` is an error. */
  strict?: boolean;
  /** Its owner may acquire the same again. */
  reentrant?: boolean;
}

/** An entry that ends with the last of the leases that share it. */
interface SharedEntry {
  entry: OwnEntry;
  leases: number;
}

/**
 * What `acquire` returns: the right to the resource, until `release()`.
 *
 * - *Crash:* the lease ends with the process, whatever ends it. After a clean exit, an uncaught
 *   exception, SIGINT, SIGTERM or SIGHUP at once; after SIGKILL as soon as the next in line looks, which
 *   is within 100 ms.
 * - *Loss:* it can be taken away (`lockstep break`, a heartbeat that stood still). Then `signal` aborts
 *   and `release()` rejects, both with `LeaseLostError`. The successor's entry is never touched.
 *
 * A process that is stopped (SIGSTOP, a suspended laptop) cannot hear that. If the work writes to
 * something that can compare numbers, send `token` along, and have it refuse a smaller one than it saw.
 *
 * ```ts
 * await using lease = await new Lock('deploy').acquire();
 * await upload({ fencingToken: lease.token, signal: lease.signal });
 * ```
 */
export class Lease implements AsyncDisposable, Disposable {
  readonly #store: Store;
  readonly #traits: LeaseTraits;
  readonly #shared: SharedEntry;
  #released = false;
  #loss: AbortController | null = null;

  /** @internal */
  constructor(store: Store, entry: OwnEntry, traits: LeaseTraits = {}, shared = { entry, leases: 1 }) {
    this.#store = store;
    this.#traits = traits;
    this.#shared = shared;
  }

  /** The resource's name. */
  get name(): string {
    return this.#entry.name;
  }

  /** The fencing token: it only ever grows from one holder of the resource to the next. */
  get token(): number {
    return this.#entry.token;
  }

  /** Whether the lease is held, as far as is known here without looking at the disk. */
  get held(): boolean {
    return !this.#released && this.#entry.state === 'holding';
  }

  /**
   * Aborts, with a `LeaseLostError`, when the lease is taken away. From the first use on the process
   * listens for that; it learns of it within milliseconds, or within a second where no file
   * notifications are to be had. It keeps no process alive. After `release()` it never aborts.
   */
  get signal(): AbortSignal {
    if (!this.#loss) {
      this.#loss = new AbortController();
      void this.#watchForLoss(this.#loss);
    }
    return this.#loss.signal;
  }

  /**
   * Gives the resource back and lets the next in line in. A second call does nothing (of a `BoundedSemaphore`: it is
   * an error).
   *
   * @throws {LeaseLostError} (rejects) if the lease was lost before
   * @throws {MisuseError} (rejects) if it was released before, and that is an error here
   * @throws {StoreError} (rejects) if that could not be written. The lease is still held then: call
   *   again, or end the process, which ends it for everybody.
   */
  release(): Promise<void> {
    return this.#giveBack('leave');
  }

  /**
   * @internal `release()`, by who will not call it again, at the end of a block: where that cannot be written, the
   * store goes on trying.
   */
  end(): Promise<void> {
    return this.#giveBack('abandon');
  }

  /**
   * Looks whether the lease is still held, now. It may be lost right after: this only shortens the time
   * in which a lost lease goes unnoticed.
   *
   * @throws {LeaseLostError} (rejects)
   */
  async assertHeld(): Promise<void> {
    await this.#store.refresh(this.#entry);
    this.#throwIfLost();
  }

  /** `release()` at once, for stores on disk. */
  releaseSync(): void {
    this.#giveBackSync('leave');
  }

  /**
   * Makes another process of this machine an owner too: the resource is free only when both are gone
   * (or the lease is released). So a child that does the protected work keeps the lock when its parent
   * is killed. False if there is no such process (any more).
   *
   * @throws {LeaseLostError} (rejects)
   */
  async adopt(pid: number): Promise<boolean> {
    const adopted = await this.#store.adopt(this.#entry, pid, { handOver: false });
    this.#throwIfLost();
    return adopted;
  }

  /**
   * Hands the lease over to another process of this machine: it is held until that one ends, or somebody
   * evicts it, and this process has nothing more to do with it. False if there is no such process.
   *
   * @throws {LeaseLostError} (rejects)
   */
  async handOver(pid: number): Promise<boolean> {
    const adopted = await this.#store.adopt(this.#entry, pid, { handOver: true });
    this.#throwIfLost();
    return adopted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#released) await this.end();
  }

  [Symbol.dispose](): void {
    if (!this.#released) this.#giveBackSync('abandon');
  }

  async #giveBack(how: 'leave' | 'abandon'): Promise<void> {
    this.#checkRelease();
    const pending = this.#isLast ? this.#store[how](this.#entry) : undefined;
    if (pending) await pending;
    this.#noteRelease();
    this.#throwIfLost();
  }

  #giveBackSync(how: 'leave' | 'abandon'): void {
    const { sync, place } = this.#store;
    if (!sync) throw new MisuseError(`the store ${place} cannot release synchronously`);
    this.#checkRelease();
    if (this.#isLast) sync[how](this.#entry);
    this.#noteRelease();
    this.#throwIfLost();
  }

  /** @internal Where it stands in the lines of a store; null if it is not held, or is of another store. */
  placeIn(store: Store): Kept | null {
    return this.held && store === this.#store ? { name: this.name, ticket: this.#entry.ticket } : null;
  }

  /** @internal One more lease of the same entry, if its owner may acquire that again. */
  again(store: Store, name: string): Lease | null {
    if (!this.held || !this.#traits.reentrant || store !== this.#store || name !== this.name) return null;
    this.#shared.leases += 1;
    return new Lease(this.#store, this.#entry, this.#traits, this.#shared);
  }

  /** @internal Gives the resource back for a while, without an end of this lease. */
  async suspend(): Promise<void> {
    await this.#store.leave(this.#entry);
  }

  /** @internal Goes on with another entry in the same line, that holds by now. */
  resume(entry: OwnEntry): void {
    this.#shared.entry = entry;
    if (this.#loss) void this.#watchForLoss(this.#loss);
  }

  get #entry(): OwnEntry {
    return this.#shared.entry;
  }

  get #isLast(): boolean {
    return this.held && this.#shared.leases === 1;
  }

  #checkRelease(): void {
    if (!this.#released || !this.#traits.strict) return;
    throw new MisuseError(`${this.name}: released too often: this lease, token ${this.token}, was given back before`);
  }

  /** After it has been written down: a release that failed may be tried again. */
  #noteRelease(): void {
    if (this.#released) return;
    this.#released = true;
    this.#shared.leases -= 1;
  }

  #throwIfLost(): void {
    if (this.#entry.state === 'lost') throw this.#lostError();
  }

  #lostError(): LeaseLostError {
    const { reason, by } = this.#entry.eviction ?? { reason: 'evicted', by: 'unknown' };
    return new LeaseLostError(this.name, this.token, by === 'unknown' ? reason : `${reason}, says ${by}`);
  }

  async #watchForLoss(loss: AbortController): Promise<void> {
    while (this.held) {
      try {
        await this.#store.changed(this.#entry, { timeoutMs: WATCH_MS, keepAlive: false });
      } catch {
        // The store cannot be read just now. It is read again later.
        await new Promise<void>((resolve) => this.#store.clock.timer(WATCH_MS, false, resolve));
      }
    }
    if (this.#entry.state === 'lost') loss.abort(this.#lostError());
  }
}
