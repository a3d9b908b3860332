import type { EtcdClient } from '../client/etcd-client.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';

/** How long the end of a lease may take at the end of the process. */
const REVOKE_MS = 1_000;

/**
 * The one lease of a session, under which all its entries are. It is granted when the first entry needs it; after it is lost,
 * the next entry gets another one.
 */
export class SessionLease {
  readonly #client: EtcdClient;
  readonly #ttlMs: number;
  readonly #onLost: (lease: LeaseKeeper) => void;
  #current: LeaseKeeper | null = null;
  #granting: Promise<LeaseKeeper> | null = null;

  constructor(client: EtcdClient, ttlMs: number, onLost: (lease: LeaseKeeper) => void) {
    this.#client = client;
    this.#ttlMs = ttlMs;
    this.#onLost = onLost;
  }

  /** The lease, if it surely lives; else null, and `get` grants one. */
  get current(): LeaseKeeper | null {
    return this.#current?.isAlive ? this.#current : null;
  }

  /** @throws {EtcdError} if none can be granted */
  get(): LeaseKeeper | Promise<LeaseKeeper> {
    const known = this.current;
    if (known !== null) return known;
    this.#granting ??= this.#grant();
    return this.#granting;
  }

  /** Keeps it alive no longer: the process ends. Nothing is lost here yet. */
  stop(): void {
    this.#current?.stop();
  }

  /** The server knows the lease no more: all that is under it is lost. */
  drop(lease: LeaseKeeper): void {
    lease.stop();
    if (this.#current === lease) this.#current = null;
    this.#onLost(lease);
  }

  /** Ends the lease, and what is under it. Best effort: otherwise it ends by itself. */
  async end(): Promise<void> {
    const lease = this.#current;
    this.#current = null;
    if (lease === null) return;
    lease.stop();
    this.#onLost(lease);
    await this.#client.revoke(lease.id, { timeoutMs: REVOKE_MS }).catch(() => undefined);
  }

  async #grant(): Promise<LeaseKeeper> {
    try {
      const lease = await this.#client.keepLease(this.#ttlMs);
      this.#current = lease;
      lease.lost.addEventListener('abort', () => this.drop(lease), { once: true });
      return lease;
    } finally {
      this.#granting = null;
    }
  }
}
