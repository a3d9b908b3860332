import type { Entry, Eviction, Keeps } from '../line/entry.ts';
import type { Owner } from '../session/facts.ts';
import type { Presence } from '../session/session-file.ts';
import type { AdoptOptions, EntryState, OwnEntry } from '../store/store.ts';

/** The operations of a session on an entry of its own. `DiskResource` implements it. */
export interface EntryResource {
  readonly name: string;
  expelDeadBefore(own: DiskEntry, most?: number): void;
  leave(own: DiskEntry): void;
  abandon(own: DiskEntry, passOn?: Eviction | null): void;
  adopt(own: DiskEntry, pid: number, options: AdoptOptions): boolean;
  keep(own: DiskEntry, keeps: Keeps): void;
  refreshInPlace(): void;
  waitingBefore(own: DiskEntry, most: number): number;
  entriesBefore(own: DiskEntry, most: number): number;
  /** Whether the kernel alone judges the owners, at once. */
  readonly judgesAtOnce: boolean;
}

/** An entry that this session put into a resource's line, kept up to date by its `DiskResource`. */
export class DiskEntry implements OwnEntry {
  readonly resource: EntryResource;
  readonly ticket: number;
  /** Of its `enter` record; empty if it was refused. */
  readonly id: string;
  readonly waitingBefore: number;
  readonly adopters: Owner[] = [];
  state: EntryState;
  token: number;
  eviction: Eviction | null = null;
  readonly #listeners = new Set<() => void>();

  /** `joined` is null if it was refused. */
  constructor(resource: EntryResource, joined: { entry: Entry; waitingBefore: number } | null) {
    const { ticket, token, holding } = joined?.entry ?? { ticket: 0, token: 0, holding: false };
    this.resource = resource;
    this.ticket = ticket;
    this.id = joined?.entry.id ?? '';
    this.token = token;
    this.waitingBefore = joined?.waitingBefore ?? 0;
    this.state = joined ? (holding ? 'holding' : 'waiting') : 'refused';
  }

  /**
   * Calls back after each change of the state, until the returned function is called. Several leases may share one entry
   * (an `RLock`), and each of them listens.
   */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back once the entry is not in line any more: at once, if it was refused. */
  whenOut(callback: () => void): this {
    const check = () => {
      if (this.state === 'waiting' || this.state === 'holding') return;
      this.#listeners.delete(check);
      callback();
    };
    this.#listeners.add(check);
    check();
    return this;
  }

  /** Notifies the listeners. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Undoes an adoption that failed. */
  disown(owner: Owner, presence: Presence): void {
    const at = this.adopters.indexOf(owner);
    if (at === -1) return;
    this.adopters.splice(at, 1);
    presence.retire(owner);
  }

  get name(): string {
    return this.resource.name;
  }
}
