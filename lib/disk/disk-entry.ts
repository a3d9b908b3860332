import type { Entry, Eviction, Keeps } from '../line/entry.ts';
import type { Item } from '../line/item.ts';
import type { Owner } from '../session/facts.ts';
import type { Presence } from '../session/session-file.ts';
import type { AdoptOptions, ChangedOptions, EntryState, OwnEntry } from '../store/store.ts';

/** The operations of a session on an entry of its own. `DiskResource` implements it. */
export interface EntryResource {
  readonly name: string;
  /** Its waits for entries of ours. */
  readonly waits: {
    /** Resolves when the entry's state changes, or as `Store.changed`. */
    changed(own: DiskEntry, options: ChangedOptions): Promise<void>;
    /** Blocks until the entry no longer waits, or the time is over. */
    block(own: DiskEntry, timeoutMs: number): void;
  };
  leave(own: DiskEntry): void;
  done(own: DiskEntry): void;
  abandon(own: DiskEntry, passOn?: Eviction | null): void;
  adopt(own: DiskEntry, pid: number, options: AdoptOptions): boolean;
  keep(own: DiskEntry, keeps: Keeps): void;
  refreshInPlace(): void;
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
  item: Item | null;
  eviction: Eviction | null = null;
  /** Null until there is one: most entries hold at once, and nobody listens to them. */
  #listeners: Set<() => void> | null = null;
  #onOut: (() => void) | null = null;

  /** `joined` is null if it was refused. */
  constructor(resource: EntryResource, joined: { entry: Entry; waitingBefore: number } | null) {
    const { ticket, token, holding, item } = joined?.entry ?? { ticket: 0, token: 0, holding: false, item: null };
    this.resource = resource;
    this.ticket = ticket;
    this.id = joined?.entry.id ?? '';
    this.token = token;
    this.item = item;
    this.waitingBefore = joined?.waitingBefore ?? 0;
    this.state = joined ? (holding ? 'holding' : 'waiting') : 'refused';
  }

  /**
   * Calls back after each change of the state, until the returned function is called. Several leases may share one entry
   * (an `RLock`), and each of them listens.
   */
  listen(listener: () => void): () => void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    return () => this.#listeners?.delete(listener);
  }

  /** Calls back once the entry is not in line any more: at once, if it was refused. For one caller. */
  whenOut(callback: () => void): this {
    this.#onOut = callback;
    this.#checkOut();
    return this;
  }

  /** Notifies the listeners. */
  changed(): void {
    this.#checkOut();
    if (this.#listeners) for (const listener of [...this.#listeners]) listener();
  }

  #checkOut(): void {
    const onOut = this.#onOut;
    if (onOut === null || this.state === 'waiting' || this.state === 'holding') return;
    this.#onOut = null;
    onOut();
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
