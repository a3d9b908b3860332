import { isCount } from '../journal/record.ts';
import { isTakeId } from './count-wire.ts';

/** No item is larger, in bytes of its JSON as a journal quotes it: its record must stay below 64 KiB. */
export const MAX_ITEM_BYTES = 60 * 1024;

/** One item of a queue. */
export interface Item {
  /** 1, 2, 3, … of the items that were put into the queue. */
  readonly sequence: number;
  /** Its JSON. */
  readonly text: string;
  /** How often it was taken, this time too. */
  readonly takes: number;
}

/** A put whose id is remembered. */
export interface RememberedPut {
  readonly id: string;
  readonly sequence: number;
}

/** The state of a queue, beside the entries of its line. */
export interface ItemsState {
  /** Of the last put. */
  readonly sequence: number;
  /** By the tickets of the entries that have them. */
  readonly taken: Map<number, Item>;
  /** In the order of their sequences. */
  readonly queued: Item[];
  readonly puts: readonly RememberedPut[];
}

/** The same in a header, as JSON: `taken` is `[[ticket, sequence, text, takes], …]`, `queued` the same without the ticket, `puts` is `[[id, sequence], …]`. */
export interface ItemsWire {
  sequence: number;
  taken: unknown[];
  queued: unknown[];
  puts: unknown[];
}

/** How many bytes its JSON takes, as a journal quotes it. */
export function sizeOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/** Whether it may be an item's JSON, as far as a queue looks: text that every client writes with the same bytes. */
export function isItemText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed() && sizeOf(value) <= MAX_ITEM_BYTES;
}

export function itemsToWire({ sequence, taken, queued, puts }: ItemsState): ItemsWire {
  return {
    sequence,
    taken: [...taken].map(([ticket, item]) => [ticket, ...wireOf(item)]),
    queued: queued.map(wireOf),
    puts: puts.map((one) => [one.id, one.sequence]),
  };
}

/** @throws {RangeError} if it is none */
export function itemsFromWire(wire: unknown): ItemsState {
  const { sequence, taken, queued, puts } = (wire ?? {}) as Partial<ItemsWire>;
  if (!isCount(sequence)) throw none();
  const pairs = listOf(taken, ([ticket, ...item]) => [ticket as number, itemFrom(item)] as const);
  const state = {
    ...{ sequence, taken: new Map(pairs), queued: listOf(queued, itemFrom) },
    puts: listOf(puts, ([id, at]) => (isTakeId(id) && isCount(at) ? { id, sequence: at } : null)),
  };
  const all = [...state.queued, ...state.taken.values()].map((item) => item.sequence);
  const isOnce = new Set(all).size === all.length && state.taken.size === pairs.length;
  const isInOrder = state.queued.every((item, at) => item.sequence > (state.queued[at - 1]?.sequence ?? 0));
  const areIds = new Set(state.puts.map(({ id }) => id)).size === state.puts.length;
  if (!isOnce || !isInOrder || !areIds || all.some((one) => one > sequence)) throw none();
  return state;
}

function wireOf({ sequence, text, takes }: Item): unknown[] {
  return [sequence, text, takes];
}

function itemFrom([sequence, text, takes]: unknown[]): Item {
  if (isCount(sequence) && sequence > 0 && isItemText(text) && isCount(takes)) return { sequence, text, takes };
  throw none();
}

function listOf<T>(wire: unknown, parse: (one: unknown[]) => T | null): T[] {
  if (!Array.isArray(wire)) throw none();
  return wire.map((one: unknown) => {
    const parsed = Array.isArray(one) ? parse(one) : null;
    if (parsed === null) throw none();
    return parsed;
  });
}

function none(): RangeError {
  return new RangeError('its header has items that are none');
}
