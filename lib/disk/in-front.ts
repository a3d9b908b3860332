import type { Entry } from '../line/entry.ts';
import type { Line } from '../line/line.ts';

/** The death of no more holders is reported to one waiter: each report keeps a file open. */
const MAX_WATCHED = 8;

/** How many entries stand before the one with this ticket, from `first` on, counted up to `most`. */
export function countBefore(ticket: number, first: Entry | null, most: number): number {
  let count = 0;
  for (let entry = first; entry && count < most && entry.ticket !== ticket; entry = entry.next) count += 1;
  return count;
}

/** The entries one of which must end before a waiter can move up; empty where they are more than `MAX_WATCHED`. */
export function inFrontOf(ticket: number, line: Line): readonly Entry[] {
  const { first, firstWaiting } = line;
  const own = line.find(ticket);
  if (own && own !== firstWaiting) return own.previous ? [own.previous] : [];
  const holders: Entry[] = [];
  for (let entry = first; entry?.holding && holders.length <= MAX_WATCHED; entry = entry.next) holders.push(entry);
  return holders.length > MAX_WATCHED ? [] : holders;
}
