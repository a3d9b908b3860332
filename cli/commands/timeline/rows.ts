import { group } from 'd3-array';
import type { Past, Span } from '../../../lib/history/index.ts';
import { lastOf } from '../../../lib/internal.ts';
import { startOf } from './range.ts';

/** With more rows than this, processes that did not overlap in time share one. */
const MOST_OF_THEIR_OWN = 24;
/** The gap between two processes in one row, as a part of the whole time. */
const GAP = 0.008;

/** Spans that are drawn one after the other. */
export interface Row {
  spans: Span[];
  /** The number of processes that they are of. */
  processes: number;
}

/** An item that takes some time, and thus a part of a row. */
interface Piece<T> {
  from: number;
  to: number;
  item: T;
}

/**
 * Gives each process a row, or, where that would be too many, several that followed each other. Spans of one process that
 * overlap have a row each.
 */
export function rowsOf(past: Past, spans: readonly Span[], rangeMs: number): Row[] {
  const tracks = [...group(spans, ({ session }) => session).values()].flatMap((own) =>
    packed(own.map((span) => ({ from: startOf(span, past), to: lastOf(span, past.readAt), item: span }))),
  );
  if (tracks.length <= MOST_OF_THEIR_OWN) return tracks.map(({ item }) => ({ spans: item, processes: 1 }));
  return packed(tracks, rangeMs * GAP).map(({ item }) => ({ spans: item.flat(), processes: item.length }));
}

/** Puts pieces into the fewest rows: each into the first row with room for it. */
function packed<T>(pieces: ReadonlyArray<Piece<T>>, gapMs = 0): Array<Piece<T[]>> {
  const rows: Array<Piece<T[]>> = [];
  for (const { from, to, item } of pieces.toSorted((one, other) => one.from - other.from)) {
    const row = rows.find((candidate) => candidate.to + gapMs <= from);
    if (row) {
      row.to = Math.max(row.to, to);
      row.item.push(item);
    } else rows.push({ from, to, item: [item] });
  }
  return rows;
}
