import type { Eviction } from '../../line/entry.ts';
import { weightOf } from '../../line/weight.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import type { WatchEvent } from '../client/watch-messages.ts';
import type { EntryRecord } from './entry-record.ts';
import type { NameKeys } from './keys.ts';
import { type LineState, stateFromJson } from './line-state.ts';
import { type ItemTaken, NO_ITEMS, type QueueState, queuedIn, settledQueue } from './queue-state.ts';
import { evictionFrom, NOTHING, type ReadKey, readKey } from './read-key.ts';

/** How well a line is known. */
type Known = Pick<EtcdLine, 'revision' | 'readAt' | 'news'>;

/** One entry of a line. Its numbers are revisions. */
export interface LineEntry {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: bigint;
  /** Null: it is a foreign one, of `etcdctl lock` or of a newer version. It asks for all permits. */
  readonly record: EntryRecord | null;
  readonly ask: number;
  /** The revision of which its ticket is made. */
  readonly place: number;
  /** Whether it and all before it fit into the permits, or the gate has admitted it. */
  readonly isAdmitted: boolean;
  /** The revision of which its token is made; 0 while it waits, or must be given a token first. */
  readonly token: number;
  /** Of a queue: what it has taken. */
  readonly item: ItemTaken | null;
}

/**
 * One name's keys as they were at one revision, and their meaning: the entries in line, and the holders. It is a pure function of them,
 * so all sessions that read the same revision agree.
 */
export class EtcdLine {
  readonly revision: number;
  /** The revision at which a change of the line was seen last: reading it again when nothing has changed leaves it. */
  readonly news: number;
  /** The revision at which all keys were last read together. Later changes were reported, or made by this session. */
  readonly readAt: number;
  /** Null if the name was never used, or is forgotten. */
  readonly state: LineState | null;
  /** When the name's state was made, and last changed; 0 if there is none. */
  readonly made: number;
  readonly changed: number;
  /** When an entry last left, or somebody acted on the line, in µs; as a time, and as a revision. 0: that is not known. */
  readonly usedAt: number;
  readonly used: number;
  readonly entries: readonly LineEntry[];
  readonly #keys: NameKeys;
  readonly #read: ReadonlyMap<string, ReadKey>;
  #whys: Map<number, Eviction> | null = null;

  private constructor(keys: NameKeys, { revision, readAt, news }: Known, read: ReadonlyMap<string, ReadKey>) {
    this.#keys = keys;
    this.#read = read;
    this.revision = revision;
    this.readAt = readAt;
    this.news = news;
    const state = read.get(keys.state);
    this.made = state?.createRevision ?? 0;
    this.changed = state?.modRevision ?? 0;
    const at = read.get(keys.at);
    this.usedAt = Number(at?.value.toString() ?? 0);
    this.used = at?.modRevision ?? 0;
    this.state = state ? stateFromJson(state.value.toString(), state.modRevision) : null;
    this.entries = this.#entriesOf([...read.values()].filter(({ key }) => key.startsWith(keys.line)));
  }

  /** The line of these keys. Keys that are in `last` already are not parsed again. */
  static of(keys: NameKeys, revision: number, kvs: readonly KeyValue[], last: EtcdLine | null): EtcdLine {
    const read = new Map<string, ReadKey>();
    let hasNews = last === null || last.#read.size !== kvs.length;
    for (const kv of kvs) {
      const known = last === null ? null : last.#known(kv);
      const one = known ?? readKey(keys, kv);
      hasNews ||= known === null;
      read.set(one.key, one);
    }
    const news = hasNews || last === null ? revision : last.news;
    return new EtcdLine(keys, { revision, readAt: revision, news }, read);
  }

  /** The line after these events; this very one if they are older than it. */
  after(events: readonly WatchEvent[]): EtcdLine {
    const news = events.filter(({ kv }) => kv.modRevision > this.revision);
    if (news.length === 0) return this;
    const read = new Map(this.#read);
    for (const { type, kv } of news) {
      const one = readKey(this.#keys, kv);
      // An entry that is put again keeps its place in the map, as a key keeps its create revision.
      if (type === 'put') read.set(one.key, one);
      else read.delete(one.key);
    }
    const revision = news.at(-1)?.kv.modRevision ?? this.revision;
    return new EtcdLine(this.#keys, { revision, readAt: this.readAt, news: revision }, read);
  }

  /** Whether there is a state that this version does not know. */
  get isUnknown(): boolean {
    return this.made > 0 && this.state === null;
  }

  get isGate(): boolean {
    return this.state !== null && this.state.kind !== 'lock' && this.state.kind !== 'semaphore';
  }

  /** Of a queue: its items, as they were written. Else null. */
  get queue(): QueueState | null {
    return this.state?.kind === 'queue' ? (this.state.queue ?? NO_ITEMS) : null;
  }

  /** As of `LineView`. Items whose takers' leases have ended count as queued, though nobody has written that yet. */
  get value(): number {
    const { queue } = this;
    return queue ? queuedIn(settledQueue(queue, this.admitted).queue) : (this.state?.value ?? 0);
  }

  get waiters(): LineEntry[] {
    return this.entries.filter(({ isAdmitted }) => !isAdmitted);
  }

  get admitted(): LineEntry[] {
    return this.entries.filter(({ isAdmitted }) => isAdmitted);
  }

  /** The entry under a key that has this id: the key may have another one by now. */
  find(key: string, id: string): LineEntry | undefined {
    return this.entries.find((entry) => entry.key === key && entry.record?.id === id);
  }

  /** Whether nobody is in line who has come, or was changed, since all of it was last read. */
  get isQuiet(): boolean {
    return this.entries.every(({ modRevision }) => modRevision <= this.readAt);
  }

  /** Whether an entry with this ask would hold at once if it joined now. */
  wouldAdmit(ask: number): boolean {
    if (this.state?.kind === 'event') return this.state.value === 1;
    if (this.queue) return this.waiters.length === 0 && queuedIn(this.queue) > 0;
    if (this.isGate || this.waiters.length > 0) return false;
    const weight = this.entries.reduce((sum, entry) => sum + weightOf(entry.ask), weightOf(ask));
    return weight <= weightOf(this.state?.permits ?? 0);
  }

  /** Why the entry in this place was evicted, it alone, if that was written down. */
  whyEvicted(place: number): Eviction | null {
    this.#whys ??= this.#readWhys();
    return this.#whys.get(place) ?? null;
  }

  /** The same, also if it was ended together with others. */
  whyEnded(place: number): Eviction | null {
    const reason = this.state?.ended.find(({ from, to }) => place > from && place <= to)?.reason;
    return this.whyEvicted(place) ?? (reason === undefined ? null : { reason, by: 'unknown' });
  }

  /** The entries that were ended together with others, and whose keys are still there. */
  get leftovers(): ReadonlyArray<Pick<LineEntry, 'key' | 'createRevision' | 'modRevision'>> {
    if (this.state === null || this.state.ended.length === 0) return [];
    return [...this.#read.values()].filter((one) => one.key.startsWith(this.#keys.line) && this.#isEnded(one));
  }

  has(key: string): boolean {
    return this.#read.has(key);
  }

  /** The same with an entry that we have put since, at a revision. Its own event comes later, and says the same. */
  with(entry: Pick<LineEntry, 'key' | 'lease' | 'record'>, at: number): EtcdLine {
    const read = new Map(this.#read);
    read.set(entry.key, { ...entry, createRevision: at, modRevision: at, value: NOTHING });
    return new EtcdLine(this.#keys, { revision: this.revision, readAt: this.readAt, news: at }, read);
  }

  /** The same without a key that we have deleted since, at a revision. Other changes until then are not known. */
  without(key: string, at: number): EtcdLine {
    const read = new Map(this.#read);
    read.delete(key);
    return new EtcdLine(this.#keys, { revision: this.revision, readAt: this.readAt, news: at }, read);
  }

  #known({ key, modRevision, createRevision }: KeyValue): ReadKey | null {
    const known = this.#read.get(key.toString());
    return known?.modRevision === modRevision && known.createRevision === createRevision ? known : null;
  }

  #isEnded({ createRevision: place }: ReadKey): boolean {
    return this.state?.ended.some(({ from, to }) => place > from && place <= to) ?? false;
  }

  #entriesOf(found: ReadKey[]): LineEntry[] {
    found.sort((a, b) => a.createRevision - b.createRevision);
    const { state } = this;
    const [permits, isGate] = [state?.permits ?? 1, this.isGate];
    let room = weightOf(permits);
    const entries: LineEntry[] = [];
    for (const one of found) {
      const { key, record, createRevision, modRevision, lease } = one;
      // Nobody but us stands at a gate.
      if (isGate && (record === null || this.#isEnded(one))) continue;
      const ask = record?.ask ?? permits;
      const place = record?.place || createRevision;
      room -= weightOf(ask);
      const item = state?.queue?.taken.get(createRevision) ?? null;
      const isAdmitted = isGate
        ? item !== null || createRevision <= (state?.letIn ?? 0) || (state?.kind === 'event' && state.value === 1)
        : room >= 0;
      const token = isAdmitted ? this.#tokenOf(record, place) : 0;
      entries.push({ key, createRevision, modRevision, lease, record, ask, place, isAdmitted, token, item });
    }
    return entries;
  }

  /** Of one that took another's place, that is its token too. Nobody looks at a foreign one's. */
  #tokenOf(record: EntryRecord | null, place: number): number {
    if (record === null || record.place > 0) return record?.token || place;
    return record.token || (place > (this.state?.floor ?? 0) ? place : 0);
  }

  #readWhys(): Map<number, Eviction> {
    const whys = new Map<number, Eviction>();
    for (const { key, value } of this.#read.values()) {
      const place = this.#keys.placeOfWhy(key);
      if (place !== null) whys.set(place, evictionFrom(value.toString()));
    }
    return whys;
  }
}
