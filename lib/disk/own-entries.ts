import { keyOf } from '../journal/record.ts';
import type { Entry } from '../line/entry.ts';
import type { Eviction, Line, LineObserver } from '../line/line.ts';
import type { Presence } from '../session/session-file.ts';
import type { EntryState } from '../store/store.ts';
import type { DiskEntry, Joined } from './disk-entry.ts';

/**
 * This session's own entries in one resource's line, by ticket, and what a fold tells of them.
 *
 * A fold only notes what happened. `settle` acts on it afterwards, when no file is being read any more.
 */
export class OwnEntries {
  readonly #presence: Presence;
  readonly #byTicket = new Map<number, DiskEntry>();
  #awaited = '';
  /** Of records of which it is not known whether they count. Nobody waits for what they make. */
  readonly #disowned = new Set<string>();
  #strays: Entry[] = [];
  #joined: Joined | null = null;
  #outcome: number | null = null;
  #granted: Entry[] = [];
  #evicted: Array<{ entry: Entry; eviction: Eviction }> = [];

  readonly observer: LineObserver = {
    joined: (entry, waitingBefore) => {
      if (this.#disowned.delete(entry.id)) this.#strays.push(entry);
      else if (entry.id === this.#awaited) this.#joined = { entry, waitingBefore };
    },
    granted: (entry) => {
      this.#granted.push(entry);
    },
    left: (entry, id) => {
      // Told at once: a rotation right behind it makes the line anew, in which nothing tells of it.
      if (keyOf(id) === this.#presence.session.key) this.drop(this.#byTicket.get(entry.ticket), 'left');
      else this.#evicted.push({ entry, eviction: { reason: 'released by another process', by: 'unknown' } });
    },
    evicted: (entry, eviction) => {
      this.#evicted.push({ entry, eviction });
    },
    acted: (id, outcome) => {
      if (id === this.#awaited) this.#outcome = outcome;
    },
  };

  constructor(presence: Presence) {
    this.#presence = presence;
  }

  get size(): number {
    return this.#byTicket.size;
  }

  has(own: DiskEntry): boolean {
    return this.#byTicket.has(own.ticket);
  }

  all(): DiskEntry[] {
    return [...this.#byTicket.values()];
  }

  /** From now on, notes the entry that the record with this id makes, or its outcome. */
  expect(id: string): void {
    this.#awaited = id;
    this.#joined = null;
    this.#outcome = null;
  }

  /** What was expected failed, and may have been written all the same: it has come by, or will. */
  disown(): void {
    if (this.#joined) this.#strays.push(this.#joined.entry);
    else this.#disowned.add(this.#awaited);
  }

  /** Whether a record that was disowned may have made an entry, or has. */
  get isUnsure(): boolean {
    return this.#disowned.size + this.#strays.length > 0;
  }

  /** The journal was read to its end: what has not come by was never written. Returns the entries that were. */
  takeStrays(): Entry[] {
    const strays = this.#strays;
    this.#strays = [];
    this.#disowned.clear();
    return strays;
  }

  /** The entry that was expected, or null if the record made none. */
  get joined(): Joined | null {
    return this.#joined;
  }

  /** What the action that was expected came to, or null if it was void. */
  get outcome(): number | null {
    return this.#outcome;
  }

  add(own: DiskEntry): void {
    this.#byTicket.set(own.ticket, own);
  }

  /** Ends our part in an entry. */
  drop(own: DiskEntry | undefined, state: EntryState): void {
    if (!own || !this.#byTicket.delete(own.ticket)) return;
    own.state = state;
    for (const owner of own.adopters) this.#presence.retire(owner);
    own.changed();
  }

  /** Acts on what the last fold found. `poke`: a record of ours may have let others in, so wake them. */
  settle(poke: boolean): void {
    if (this.#granted.length + this.#evicted.length === 0) return;
    const granted = this.#granted;
    const evicted = this.#evicted;
    this.forget();
    for (const { entry, eviction } of evicted) this.#lose(this.#byTicket.get(entry.ticket), eviction);
    for (const entry of granted) this.#grant(this.#byTicket.get(entry.ticket), entry);
    if (poke) for (const entry of [...granted, ...evicted.map((one) => one.entry)]) this.#poke(entry);
  }

  /** A rotation has made the line anew: our entries are found in it by their tickets. */
  findIn(line: Line): void {
    for (const own of this.all()) {
      const found = line.find(own.ticket);
      // By its id too: a store that was made anew may give the same ticket to somebody else.
      const entry = found?.id === own.id ? found : undefined;
      if (entry?.holding) this.#grant(own, entry);
      else if (!entry && !this.#evicted.some((one) => one.entry.ticket === own.ticket)) {
        this.#lose(own, { reason: 'it is no longer in the line', by: 'unknown' });
      }
    }
  }

  /** The journal that they stood in is gone. */
  loseAll(reason: string): void {
    this.forget();
    for (const own of this.all()) this.#lose(own, { reason, by: 'unknown' });
  }

  /** What a fold noted so far is of no interest: the line has just been opened. */
  forget(): void {
    this.#granted = [];
    this.#evicted = [];
  }

  #grant(own: DiskEntry | undefined, { token }: Entry): void {
    if (own?.state !== 'waiting') return;
    own.token = token;
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
