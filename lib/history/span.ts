import type { Span } from '../store/past.ts';

export type { PastAction, Span, SpanEnd } from '../store/past.ts';

/** A length of time between two records. */
export interface Stretch {
  ms: number;
  /** Whether the two clocks disagree: the difference is negative, and is reported as 0. */
  isSkewed: boolean;
}

export function isOver({ end }: Span): boolean {
  return end !== 'still waiting' && end !== 'still holding';
}

/**
 * Returns how long an entry waited (until now, if it still waits). Null if that is not known. Use it to find contention.
 *
 * @param now the wall clock in ms since 1970
 *
 * @example
 * import { openHistory, waitOf } from 'lockstep/history';
 * console.log(openHistory().of('deploy')?.spans.map((span) => waitOf(span, Date.now())?.ms)); // prints undefined
 */
export function waitOf(span: Span, now: number): Stretch | null {
  if (span.held) return stretch(span.enteredAt, span.grantedAt);
  return stretch(span.enteredAt, isOver(span) ? span.endedAt : now);
}

/**
 * Returns how long an entry held (until now, if it still holds). Null if it never did, or that is not known. Use it to find
 * holders that take too long.
 *
 * @param now the wall clock in ms since 1970
 *
 * @example
 * import { holdOf, openHistory } from 'lockstep/history';
 * console.log(openHistory().of('deploy')?.spans.map((span) => holdOf(span, Date.now())?.ms)); // prints undefined
 */
export function holdOf(span: Span, now: number): Stretch | null {
  return span.grantedAt === null ? null : stretch(span.grantedAt, isOver(span) ? span.endedAt : now);
}

/** The last moment at which something is known of an entry. */
export function lastOf(span: Span, now: number): number {
  const known = Math.max(span.enteredAt, span.grantedAt ?? 0, span.endedAt ?? 0);
  return isOver(span) ? known : Math.max(known, now);
}

function stretch(from: number, to: number | null): Stretch | null {
  return to === null ? null : { ms: Math.max(0, to - from), isSkewed: to < from };
}
