import { encodeName } from '../../store/name.ts';
import { type KeyRange, prefixEnd } from '../client/kv-messages.ts';

/** The keys of one store: all below its prefix. */
export class StoreKeys {
  /** Has the number that is added to revisions to make tickets. */
  readonly base: string;
  readonly all: KeyRange;
  readonly #root: string;

  constructor(prefix: string) {
    this.#root = `${prefix}/`;
    this.base = `${prefix}/base`;
    this.all = rangeOf(this.#root);
  }

  /** @throws {MisuseError} for a name that none can have */
  of(name: string): NameKeys {
    const encoded = encodeName(name);
    return new NameKeys(`${this.#root}${encoded}/`, !encoded.includes('~'));
  }

  /** Returns the room of a key below a name: `state`, `line`, `why`, `void`, … */
  roomOf(key: string): string {
    return key.slice(this.#root.length).split('/')[1] ?? '';
  }

  /** The encoded name whose state a key is; null if it is another key. */
  encodedNameOf(key: string): string | null {
    const parts = key.slice(this.#root.length).split('/');
    // No encoded name begins with a dot: that is a record.
    return parts.length === 2 && parts[1] === 'state' && parts[0] && !parts[0].startsWith('.') ? parts[0] : null;
  }
}

/** The keys of one name. */
export class NameKeys {
  readonly state: string;
  /**
   * Has the time in µs at which the name was made, an entry last left or was ended, or somebody last acted on the line: revisions
   * have none. It is in `all`, so that the past shows it.
   */
  readonly at: string;
  /** Of every entry. `etcdctl lock` of this, without its slash, stands in the same line. */
  readonly line: string;
  readonly lineRange: KeyRange;
  readonly all: KeyRange;
  /** The document under the name. It is not in `all`: it may be large, and a line is read again and again. */
  readonly document: string;
  /** Whether the name can be read from its keys; a long one is shortened there. */
  readonly hasName: boolean;
  readonly #root: string;
  readonly #count: string;
  readonly #item: string;

  constructor(root: string, hasName: boolean) {
    this.#root = root;
    this.hasName = hasName;
    this.state = `${root}state`;
    this.at = `${root}time`;
    this.line = `${root}line/`;
    this.lineRange = rangeOf(this.line);
    this.document = `${root}document`;
    this.#count = `${root}count/`;
    this.#item = `${root}item/`;
    this.all = { key: this.line, rangeEnd: prefixEnd(root) };
  }

  /**
   * Of an entry. A session uses few of them again and again: until the next compaction a server passes over every key that
   * ever was in a range, whenever it reads that.
   */
  entry(lease: bigint, number: number): string {
    return `${this.line}${lease.toString(16)}-${number}`;
  }

  /** Of a take's own id: `[n, left, sequence]`. These keys are not in `all`, either: there may be many of them. */
  takeId(id: string): string {
    return `${this.#count}id/${id}`;
  }

  /** Of a load's own id: its number. */
  loadId(id: string): string {
    return `${this.#count}load/${id}`;
  }

  /** Of a take's sequence: its own id. By these keys old ids are found. */
  idAt(sequence: number): string {
    return `${this.#count}order/${inOrder(sequence)}`;
  }

  /** Of a logged take: `[id, n, left, at]`. */
  take(sequence: number): string {
    return `${this.#count}log/${inOrder(sequence)}`;
  }

  sequenceOf(take: string): number {
    return Number(take.slice(take.lastIndexOf('/') + 1));
  }

  takesAfter(sequence: number): KeyRange {
    return { key: this.take(sequence + 1), rangeEnd: prefixEnd(`${this.#count}log/`) };
  }

  idsUpTo(sequence: number): KeyRange {
    return { key: this.idAt(0), rangeEnd: this.idAt(sequence + 1) };
  }

  get loads(): KeyRange {
    return rangeOf(`${this.#count}load/`);
  }

  /** All that a counter remembers of takes and loads. */
  get count(): KeyRange {
    return rangeOf(this.#count);
  }

  /** Of an item of a queue: `[request, text]`. It is not in `all`, either, nor are the ids of puts. */
  item(sequence: number): string {
    return `${this.#item}text/${inOrder(sequence)}`;
  }

  /** Of a put's own id: the item's sequence. */
  putId(id: string): string {
    return `${this.#item}id/${id}`;
  }

  /** Of the puts that had an id, by their number: the id. */
  putAt(number: number): string {
    return `${this.#item}order/${inOrder(number)}`;
  }

  putsUpTo(number: number): KeyRange {
    return { key: this.putAt(0), rangeEnd: this.putAt(number + 1) };
  }

  /** All that a queue has beside its line. */
  get items(): KeyRange {
    return rangeOf(this.#item);
  }

  /** Says why another session ended an entry. */
  why(place: number): string {
    return `${this.#root}why/${place}`;
  }

  /** Voids the request for an entry with this id, which may still be under way. */
  void(id: string): string {
    return `${this.#root}void/${id}`;
  }

  /** The place of the entry whose end a key explains; null if it is another key. */
  placeOfWhy(key: string): number | null {
    const prefix = `${this.#root}why/`;
    return key.startsWith(prefix) ? Number(key.slice(prefix.length)) : null;
  }
}

/** So that keys have the order of their numbers. */
function inOrder(number: number): string {
  return String(number).padStart(16, '0');
}

function rangeOf(prefix: string): KeyRange {
  return { key: prefix, rangeEnd: prefixEnd(prefix) };
}
