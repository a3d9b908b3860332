import { isCount } from '../../journal/record.ts';
import { MAX_ITEMS, MAX_QUEUE_BYTES } from '../../line/items.ts';
import type { Refusal } from '../../line/outcome.ts';

/** Stands for the place of the very entry that is put together with the state. */
export const NEWCOMER = -1;

/** An item that an entry has taken, or had. */
export interface ItemTaken {
  readonly sequence: number;
  /** How often it was taken. */
  readonly takes: number;
}

/** The items of a queue, as its state has them. Their texts are in keys of their own. */
export interface QueueState {
  /** Of the last put. */
  readonly sequence: number;
  /** The first that was never taken: from this one to the last, all are queued. */
  readonly next: number;
  /** Those that were taken and given back, in the order of their sequences: before all that were never taken. */
  readonly back: readonly ItemTaken[];
  /** By the place of the entry that has it. If that is not in line any more, the item is queued. */
  readonly taken: ReadonlyMap<number, ItemTaken>;
  /** The sizes of all that is unfinished, together. */
  readonly bytes: number;
  /** How many puts had an id. */
  readonly ids: number;
}

export const NO_ITEMS: QueueState = { sequence: 0, next: 1, back: [], taken: new Map(), bytes: 0, ids: 0 };

/** An entry in line, as a queue looks at it. */
interface Place {
  readonly createRevision: number;
}

/** How many are queued, and not taken. */
export function queuedIn({ sequence, next, back }: QueueState): number {
  return sequence - next + 1 + back.length;
}

/** Why a queue takes no more; null if it does. `size`: of the item. */
export function refusalOf(queue: QueueState, bound: number, size: number): Refusal | null {
  const queued = queuedIn(queue);
  if (queued >= bound) return 'queue full';
  return queued + queue.taken.size >= MAX_ITEMS || queue.bytes + size > MAX_QUEUE_BYTES ? 'queue exhausted' : null;
}

/** With one more item at its end. */
export function withItem(queue: QueueState, size: number, hasId: boolean): QueueState {
  return {
    ...queue,
    sequence: queue.sequence + 1,
    bytes: queue.bytes + size,
    ids: queue.ids + (hasId ? 1 : 0),
  };
}

/** Without an item that its taker has finished. */
export function withoutTaken(queue: QueueState, place: number, size: number): QueueState {
  const taken = new Map(queue.taken);
  taken.delete(place);
  return { ...queue, taken, bytes: Math.max(0, queue.bytes - size) };
}

/** The oldest item is taken from this place. There must be one. */
export function takenFrom(queue: QueueState, place: number): { queue: QueueState; item: ItemTaken } {
  const [first, ...back] = queue.back;
  const item = { sequence: first?.sequence ?? queue.next, takes: (first?.takes ?? 0) + 1 };
  const taken = new Map(queue.taken).set(place, item);
  return { queue: first ? { ...queue, back, taken } : { ...queue, next: queue.next + 1, taken }, item };
}

/**
 * The queue as it should be while these entries are in line, in their order: the items of those that are gone are queued again,
 * and entries that wait are given queued items. `given`: the entries that are. The queue itself, if it is so already.
 */
export function settledQueue<T extends Place>(
  queue: QueueState,
  entries: readonly T[],
): { queue: QueueState; given: T[] } {
  let settled = withoutGone(queue, entries);
  const given: T[] = [];
  for (const entry of entries) {
    if (queuedIn(settled) === 0) break;
    if (settled.taken.has(entry.createRevision)) continue;
    settled = takenFrom(settled, entry.createRevision).queue;
    given.push(entry);
  }
  return { queue: settled, given };
}

function withoutGone(queue: QueueState, entries: readonly Place[]): QueueState {
  const there = new Set(entries.map(({ createRevision }) => createRevision));
  const gone = [...queue.taken].filter(([place]) => !there.has(place));
  if (gone.length === 0) return queue;
  const back = [...queue.back, ...gone.map(([, item]) => item)].sort((a, b) => a.sequence - b.sequence);
  return { ...queue, back, taken: new Map([...queue.taken].filter(([place]) => there.has(place))) };
}

/** As JSON: `[sequence, next, [[sequence, takes], …], [[place, sequence, takes], …], bytes, ids]`. */
export function queueToWire({ sequence, next, back, taken, bytes, ids }: QueueState): unknown[] {
  return [
    sequence,
    next,
    back.map((item) => [item.sequence, item.takes]),
    [...taken].map(([place, item]) => [place, item.sequence, item.takes]),
    bytes,
    ids,
  ];
}

/** Null if it is none. `revision`: at which it was put. */
export function queueFromWire(wire: unknown, revision: number): QueueState | null {
  if (!Array.isArray(wire)) return null;
  const [sequence, next, back, taken, bytes, ids] = wire as unknown[];
  if (!isCount(sequence) || !isCount(next) || next > sequence + 1 || !isCount(bytes) || !isCount(ids)) return null;
  if (!Array.isArray(back) || !Array.isArray(taken)) return null;
  const queued = back.map(([of, takes]) => ({ sequence: Number(of), takes: Number(takes) }));
  const held = taken.map(([place, of, takes]): [number, ItemTaken] => [
    place === NEWCOMER ? revision : Number(place),
    { sequence: Number(of), takes: Number(takes) },
  ]);
  return { sequence, next, back: queued, taken: new Map(held), bytes, ids };
}
