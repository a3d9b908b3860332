import { ById } from './by-id.ts';
import { type Item, type ItemsWire, itemsFromWire, itemsToWire, type RememberedPut, sizeOf } from './item.ts';
import type { Put, Refusal } from './outcome.ts';

/** At so many unfinished items a queue takes no more: a bound on memory, and on the next epoch's header. */
export const MAX_ITEMS = 65_536;
/** The same of their sizes together. */
export const MAX_QUEUE_BYTES = 16 * 1024 * 1024;
/** So many of the newest ids of puts are remembered. */
export const REMEMBERED_PUTS = 10_000;

/** One request to put. */
export interface PutRequest {
  /** The item's JSON. */
  readonly text: string;
  /** It is put if fewer than so many are queued. */
  readonly bound: number;
  /** The caller's own: the same is put once. Null: none. */
  readonly id: string | null;
}

/** The items of a queue: those that are queued, in the order of their sequences, and those that entries of its line have taken. Pure: it reads no clock. */
export class Items {
  #sequence = 0;
  /** From `#from` on. A few free places at the front cost less than moving all others at each. */
  #queued: Item[] = [];
  #from = 0;
  #bytes = 0;
  #taken = 0;
  readonly #puts = new ById<RememberedPut>();
  /** Of a header whose entries are being restored: what each has taken, by ticket. Null afterwards. */
  #restoring: Map<number, Item> | null = new Map();

  /** `wire`: what `items` in a header says; undefined: nothing was ever put. @throws {RangeError} if it is none */
  constructor(wire: unknown) {
    if (wire === undefined) return;
    const { sequence, taken, queued, puts } = itemsFromWire(wire);
    this.#sequence = sequence;
    this.#queued = queued;
    this.#restoring = taken;
    for (const item of [...queued, ...taken.values()]) this.#bytes += sizeOf(item.text);
    for (const one of puts) this.#puts.add(one);
  }

  /** How many are queued, and not taken. */
  get queued(): number {
    return this.#queued.length - this.#from;
  }

  /** Whether nothing is queued, and no id is remembered. */
  get isPlain(): boolean {
    return this.queued === 0 && this.#puts.size === 0;
  }

  put({ text, bound, id }: PutRequest): Put | Refusal {
    const known = id === null ? undefined : this.#puts.get(id);
    if (known) return { item: known.sequence, isRepeat: true };
    const size = sizeOf(text);
    if (this.queued >= bound) return 'queue full';
    if (this.queued + this.#taken >= MAX_ITEMS || this.#bytes + size > MAX_QUEUE_BYTES) return 'queue exhausted';
    this.#sequence += 1;
    this.#bytes += size;
    this.#queued.push({ sequence: this.#sequence, text, takes: 0 });
    if (id !== null) this.#remember(id);
    return { item: this.#sequence, isRepeat: false };
  }

  /** The item that an entry takes which begins to hold. @throws {RangeError} if a header has no item for it */
  takenBy(ticket: number): Item {
    this.#taken += 1;
    if (this.#restoring) {
      const item = this.#restoring.get(ticket);
      if (!this.#restoring.delete(ticket) || !item) throw new RangeError('its header has an entry without its item');
      return item;
    }
    const item = this.#queued[this.#from] as Item;
    this.#dropFirst();
    return { ...item, takes: item.takes + 1 };
  }

  /** To be called when all entries of a header are restored. @throws {RangeError} if an item is left that none of them has */
  restored(): void {
    if ((this.#restoring?.size ?? 0) > 0) throw new RangeError('its header has an item without its entry');
    this.#restoring = null;
  }

  /** A taken item is done. */
  finish({ text }: Item): void {
    this.#taken -= 1;
    this.#bytes -= sizeOf(text);
  }

  /**
   * A taken item is queued again, at its place by its sequence: before all that were never taken, as those were put later.
   */
  giveBack(item: Item): void {
    this.#taken -= 1;
    let at = this.#from;
    while (at < this.#queued.length && (this.#queued[at] as Item).sequence < item.sequence) at += 1;
    if (at === this.#from && at > 0) {
      this.#from -= 1;
      this.#queued[this.#from] = item;
    } else {
      this.#queued.splice(at, 0, item);
    }
  }

  /** The items, as a header has them; undefined: nothing was ever put. `taken`: those that entries have, by their tickets. */
  toWire(taken: ReadonlyArray<readonly [number, Item]>): ItemsWire | undefined {
    if (this.#sequence === 0) return undefined;
    return itemsToWire({
      sequence: this.#sequence,
      taken: new Map(taken),
      queued: this.#queued.slice(this.#from),
      puts: this.#puts.all(),
    });
  }

  #remember(id: string): void {
    this.#puts.add({ id, sequence: this.#sequence });
    if (this.#puts.size > REMEMBERED_PUTS) this.#puts.dropFirst();
  }

  #dropFirst(): void {
    this.#from += 1;
    if (this.#from * 2 < this.#queued.length) return;
    this.#queued = this.#queued.slice(this.#from);
    this.#from = 0;
  }
}
