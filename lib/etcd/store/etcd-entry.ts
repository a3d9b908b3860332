import type { Eviction } from '../../line/entry.ts';
import type { EntryState, OwnEntry } from '../../store/store.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import type { LineEntry } from './etcd-line.ts';
import type { ItemTaken } from './queue-state.ts';

export const LEASE_LOST = 'the lease of its session could not be kept alive';

/** Where an entry of ours was put. */
export interface Joined {
  readonly lease: LeaseKeeper;
  readonly id: string;
  readonly entry: LineEntry;
  /** When the name's state was made. */
  readonly made: number;
  readonly waitingBefore: number;
  readonly base: number;
}

/**
 * An entry that this session put into a line. Its state follows the line as it is read (`OwnEntries`), and the lease: past
 * the time for which that surely lives it is lost, before the server can end it.
 */
export class EtcdEntry implements OwnEntry {
  readonly name: string;
  readonly ticket: number;
  readonly waitingBefore: number;
  readonly joined: Joined | null;
  token: number;
  /** The last change of its key that we made or read. */
  modRevision: number;
  eviction: Eviction | null = null;
  /** Its release is under way: where it is gone, that has ended it. */
  isLeaving = false;
  /** Another process owns it, too, which lives on. */
  isShared = false;
  /** Of a queue: what it has taken, from when it holds. */
  taken: ItemTaken | null;
  /** The text of that, once it was read. */
  text: string | null = null;
  /** The lease under which its key is: another one, where a keeper has put it again. */
  leaseId: bigint;
  #state: EntryState;
  readonly #listeners = new Set<() => void>();

  /** `joined` is null if it was refused. */
  constructor(name: string, joined: Joined | null) {
    this.name = name;
    this.joined = joined;
    const { entry, base = 0 } = joined ?? { entry: null };
    this.ticket = entry ? base + entry.place : 0;
    this.token = entry?.token ? base + entry.token : 0;
    this.modRevision = entry?.modRevision ?? 0;
    this.taken = entry?.item ?? null;
    this.leaseId = entry?.lease ?? 0n;
    this.waitingBefore = joined?.waitingBefore ?? 0;
    this.#state = entry ? (entry.token > 0 ? 'holding' : 'waiting') : 'refused';
    this.#checkLease();
  }

  get state(): EntryState {
    this.#checkLease();
    return this.#state;
  }

  /** Whether it is in line, as far as was read; the lease is not looked at. */
  get isInLine(): boolean {
    return this.#state === 'waiting' || this.#state === 'holding';
  }

  /** The lease under which it was put; null if it was refused. */
  get lease(): Pick<LeaseKeeper, 'remainingMs' | 'ttlMs'> | null {
    return this.joined?.lease ?? null;
  }

  get staysMs(): number {
    const isEvicted = this.state === 'lost' && this.eviction?.reason !== LEASE_LOST;
    return isEvicted ? 0 : (this.joined?.lease.endsInMs() ?? 0);
  }

  /** Calls back after each change of the state, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The line shows it. */
  seen({ token, modRevision, item, lease }: LineEntry): void {
    this.modRevision = modRevision;
    this.taken = item;
    this.leaseId = lease;
    if (token === 0 || this.#state !== 'waiting') return;
    this.token = (this.joined?.base ?? 0) + token;
    this.#become('holding');
  }

  /** Another session, or the end of the lease, has ended it. */
  lose(eviction: Eviction): void {
    this.eviction = eviction;
    this.#become('lost');
  }

  end(state: 'left' | 'handed over'): void {
    this.#become(state);
  }

  #become(state: EntryState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }

  #checkLease(): void {
    if (this.isInLine && this.joined?.lease.isAlive === false) this.lose({ reason: LEASE_LOST, by: 'unknown' });
  }
}
