import { keyOf } from '../journal/record.ts';
import { ByTicket } from '../line/by-ticket.ts';
import type { Entry, Eviction } from '../line/entry.ts';
import type { Line } from '../line/line.ts';
import type { LineObserver } from '../line/observer.ts';
import type { Presence } from '../session/session-file.ts';
import type { EntryState } from '../store/store.ts';
import type { DiskEntry } from './disk-entry.ts';

/**
 * This session's own entries in one resource's line, by ticket, and how records of others change them.
 *
 * A fold only notes the changes. `settle` applies them afterwards, when no file is being read any more.
 */
export class OwnEntries {
  readonly #presence: Presence;
  readonly #byTicket = new ByTicket<DiskEntry>();
  /** The ids of joining records that may be in the journal although their writing failed. */
  readonly #suspects = new Set<string>();
  #strays: Entry[] = [];
  #granted: Entry[] = [];
  #evicted: Array<{ entry: Entry; eviction: Eviction }> = [];

  readonly observer: LineObserver = {
    joined: (entry) => {
      if (this.#suspects.delete(entry.id)) this.#strays.push(entry);
    },
    granted: (entry) => {
      this.#granted.push(entry);
    },
    left: (entry, id) => {
      // Applied at once: a rotation right behind it makes the line anew, in which nothing shows that the entry left.
      if (keyOf(id) === this.#presence.session.key) this.drop(this.#byTicket.get(entry.ticket), 'left');
      else this.#evicted.push({ entry, eviction: { reason: 'released by another process', by: 'unknown' } });
    },
    evicted: (entry, eviction) => {
      this.#evicted.push({ entry, eviction });
    },
  };

  constructor(presence: Presence) {
    this.#presence = presence;
  }

  get size(): number {
    return this.#byTicket.size;
  }

  has(own: DiskEntry): boolean {
    return this.#byTicket.get(own.ticket) !== undefined;
  }

  all(): DiskEntry[] {
    return this.#byTicket.all();
  }

  /** Notes that the joining record with this id could not be written, and may be in the journal all the same. */
  suspect(id: string): void {
    this.#suspects.add(id);
  }

  /** Whether there may be an entry of ours in the line that no caller has. */
  get isUnsure(): boolean {
    return this.#suspects.size + this.#strays.length > 0;
  }

  /** To be called when the journal was read to its end. Returns the entries that suspects made: the others were never written. */
  takeStrays(): Entry[] {
    const strays = this.#strays;
    this.#strays = [];
    this.#suspects.clear();
    return strays;
  }

  add(own: DiskEntry): void {
    this.#byTicket.add(own);
  }

  /** Ends our part in an entry. */
  drop(own: DiskEntry | undefined, state: EntryState): void {
    if (!own || !this.#byTicket.delete(own.ticket)) return;
    own.state = state;
    for (const owner of own.adopters) this.#presence.retire(owner);
    own.changed();
  }

  /** Applies what the last fold noted. `poke`: a record of ours may have admitted or ended entries, so wake their owners. */
  settle(poke: boolean): void {
    if (this.#granted.length + this.#evicted.length === 0) return;
    const granted = this.#granted;
    const evicted = this.#evicted;
    this.forget();
    for (const { entry, eviction } of evicted) this.#lose(this.#byTicket.get(entry.ticket), eviction);
    for (const entry of granted) this.#grant(this.#byTicket.get(entry.ticket), entry);
    if (poke) for (const entry of [...granted, ...evicted.map((one) => one.entry)]) this.#poke(entry);
  }

  /** A rotation has made the line anew: finds our entries in it by their tickets. */
  findIn(line: Line): void {
    for (const own of this.all()) {
      const found = line.find(own.ticket);
      // By its id too: a store that was made anew may give the same ticket to another session.
      const entry = found?.id === own.id ? found : undefined;
      if (entry?.holding) this.#grant(own, entry);
      else if (!entry && !this.#evicted.some((one) => one.entry.ticket === own.ticket)) {
        this.#lose(own, { reason: 'it is no longer in the line', by: 'unknown' });
      }
    }
  }

  /** Ends our part in all entries: their journal is gone. */
  loseAll(reason: string): void {
    this.forget();
    for (const own of this.all()) this.#lose(own, { reason, by: 'unknown' });
  }

  /** Drops what a fold noted so far: the line has just been opened, and none of it concerns us. */
  forget(): void {
    this.#granted = [];
    this.#evicted = [];
  }

  #grant(own: DiskEntry | undefined, { token, item }: Entry): void {
    if (own?.state !== 'waiting') return;
    own.token = token;
    own.item = item;
    own.state = 'holding';
    own.changed();
  }

  #lose(own: DiskEntry | undefined, eviction: Eviction): void {
    if (!own) return;
    own.eviction = eviction;
    this.drop(own, 'lost');
  }

  #poke(entry: Entry): void {
    for (const owner of entry.owners) {
      if (owner.key !== this.#presence.session.key) this.#presence.poke(owner);
    }
  }
}
