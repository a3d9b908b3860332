import type { Past, Span } from '../../../lib/history/index.ts';
import { lastOf } from '../../../lib/internal.ts';
import { type Range, startOf } from './range.ts';

type Period = readonly [from: number, to: number];

/** The part of the time, from 0 to 1, in which a resource had a holder. */
export function heldShare(past: Past, range: Range): number {
  return share(
    past.spans.filter(({ held }) => held).map((span) => [beginOf(span, past), lastOf(span, past.readAt)]),
    range,
  );
}

/** The part of the time in which a resource had a waiter. */
export function contendedShare(past: Past, range: Range): number {
  return share(
    past.spans.map((span) => [startOf(span, past), span.held ? beginOf(span, past) : lastOf(span, past.readAt)]),
    range,
  );
}

/** When an entry began to hold, as far as is known. */
function beginOf(span: Span, past: Past): number {
  return span.grantedAt ?? startOf(span, past);
}

/** The part of the range that the periods cover. */
function share(periods: readonly Period[], { from, to }: Range): number {
  let covered = 0;
  let upTo = from;
  for (const [start, end] of [...periods].sort(([one], [other]) => one - other)) {
    const until = Math.min(end, to);
    covered += Math.max(0, until - Math.max(start, upTo));
    upTo = Math.max(upTo, until);
  }
  return covered / (to - from);
}
