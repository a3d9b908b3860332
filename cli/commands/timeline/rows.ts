import { group } from 'd3-array';
import type { Past } from '../../../lib/history/history.ts';
import { lastOf, type Span } from '../../../lib/history/span.ts';
import { startOf } from './range.ts';

/** With more rows than this, processes that were not there at the same time share one. */
const MOST_OF_THEIR_OWN = 24;
/** Between two processes in one row there is at least this part of the whole time. */
const GAP = 0.008;

/** Spans that are drawn one behind the other. */
export interface Row {
  spans: Span[];
  /** How many processes they are of. */
  processes: number;
}

/** Something that takes some time, and so a part of a row. */
interface Piece<T> {
  from: number;
  to: number;
  item: T;
}

/**
 * A row for each process; or, where these would be too many, for several that came one after the other. What a process
 * did at the same time has a row each.
 */
export function rowsOf(past: Past, spans: readonly Span[], rangeMs: number): Row[] {
  const tracks = [...group(spans, ({ session }) => session).values()].flatMap((own) =>
    packed(own.map((span) => ({ from: startOf(span, past), to: lastOf(span, past.readAt), item: span }))),
  );
  if (tracks.length <= MOST_OF_THEIR_OWN) return tracks.map(({ item }) => ({ spans: item, processes: 1 }));
  return packed(tracks, rangeMs * GAP).map(({ item }) => ({ spans: item.flat(), processes: item.length }));
}

/** Puts pieces into as few rows as there are pieces at one time: each into the first row that has room for it. */
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
