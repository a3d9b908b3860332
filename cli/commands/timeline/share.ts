import type { Past } from '../../../lib/history/history.ts';
import { lastOf, type Span } from '../../../lib/history/span.ts';
import { type Range, startOf } from './range.ts';

type Period = readonly [from: number, to: number];

/** Which part of the time somebody held it, from 0 to 1. */
export function heldShare(past: Past, range: Range): number {
  return share(
    past.spans.filter(({ held }) => held).map((span) => [beginOf(span, past), lastOf(span, past.readAt)]),
    range,
  );
}

/** Which part of the time somebody had to wait. */
export function contendedShare(past: Past, range: Range): number {
  return share(
    past.spans.map((span) => [startOf(span, past), span.held ? beginOf(span, past) : lastOf(span, past.readAt)]),
    range,
  );
}

/** When it began to hold, as far as is known. */
function beginOf(span: Span, past: Past): number {
  return span.grantedAt ?? startOf(span, past);
}

/** Which part of the range is in one of the periods. */
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
