import type { Action } from '../line/action.ts';

/**
 * How an entry's time in the line ended.
 *
 * - `left`: it held, and was released.
 * - `gave up waiting`: it left before it held.
 * - `evicted`: another process ended it; `reason` and `by` state why and who.
 * - `stolen`: another request took the lock from it.
 * - `still waiting`, `still holding`: it has not ended.
 * - `unknown`: the journals that have its end are gone.
 */
export type SpanEnd = 'left' | 'gave up waiting' | 'evicted' | 'stolen' | 'still waiting' | 'still holding' | 'unknown';

/** One entry's time in a line. Times are wall clocks in ms since 1970, each its writer's own. */
export interface Span {
  /** Its place in the order of events, whatever the clocks show. */
  readonly order: number;
  readonly ticket: number;
  /** Its fencing token; 0 if it never held. */
  token: number;
  /** The key of the session that entered. The same key means the same process (or thread). */
  readonly session: string;
  /** Of its last owner: after a hand-over, the process that has it now. */
  pid: number;
  host: string;
  readonly label: string;
  /** How many permits it asked for; 0 for a shared entry. */
  readonly ask: number;
  readonly enteredAt: number;
  /** Whether it ever held. */
  held: boolean;
  /** When it began to hold. Null if it never did, or did before the known past begins, or its record has no time. */
  grantedAt: number | null;
  /** Null if it has not ended, or its end is not known. */
  endedAt: number | null;
  end: SpanEnd;
  reason: string;
  by: string;
  /** If it has not ended: why it is stale, or null if its process may live. */
  stale: string | null;
}

/** An action on a resource by a process that is not in its line: `set`, `notify`, `add`, … */
export interface PastAction {
  readonly order: number;
  readonly at: number | null;
  readonly did: Action['do'];
  /** The action's number: how many to notify, how much to add. Null if it has none. */
  readonly number: number | null;
  /** How many entries were granted or ended; for a counter, the new value. */
  readonly outcome: number;
  /** The session that wrote the record. Its process is known only if it was in the line, too. */
  readonly session: string;
  pid: number | null;
  host: string | null;
}

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
