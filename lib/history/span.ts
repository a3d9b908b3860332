import type { Action } from '../line/action.ts';

/**
 * How an entry's time in the line ended.
 *
 * - `left`: it held, and was given back.
 * - `gave up waiting`: it left before it held.
 * - `evicted`: somebody else ended it; `reason` and `by` say more.
 * - `stolen`: the lock was taken from it.
 * - `still waiting`, `still holding`: it has not.
 * - `unknown`: the journals that would tell are gone.
 */
export type SpanEnd = 'left' | 'gave up waiting' | 'evicted' | 'stolen' | 'still waiting' | 'still holding' | 'unknown';

/** One entry's time in a line. Times are wall clocks in ms since 1970, each its writer's own. */
export interface Span {
  /** Its place in the order in which things happened, whatever the clocks say. */
  readonly order: number;
  readonly ticket: number;
  /** Its fencing token; 0 if it never held. */
  token: number;
  /** The key of the session that entered: what has the same one is the same process (or thread). */
  readonly session: string;
  /** Of its last owner: after a hand-over, who has it now. */
  pid: number;
  host: string;
  readonly label: string;
  /** How many permits it asked for; 0 for a shared entry. */
  readonly ask: number;
  readonly enteredAt: number;
  /** Whether it ever held. */
  held: boolean;
  /** When it began to hold. Null if it never did, or did before what is known begins, or its record names no time. */
  grantedAt: number | null;
  /** Null if it has not ended, or that is not known. */
  endedAt: number | null;
  end: SpanEnd;
  reason: string;
  by: string;
  /** Of one that has not ended: why it is stale, or null if its process may live. */
  stale: string | null;
}

/** What was done to a resource by somebody who does not stand in its line: `set`, `notify`, `add`, … */
export interface PastAction {
  readonly order: number;
  readonly at: number | null;
  readonly did: Action['do'];
  /** What the action names: how many to notify, what to add. Null if it names nothing. */
  readonly number: number | null;
  /** How many were let in or ended; of a counter the new value. */
  readonly outcome: number;
  /** Whose record it is. The process is known only if its session stood in the line, too. */
  readonly session: string;
  pid: number | null;
  host: string | null;
}

/** A length of time between two records. */
export interface Stretch {
  ms: number;
  /** The clocks by which it is measured disagree: it comes to less than nothing, and is taken for 0. */
  isSkewed: boolean;
}

export function isOver({ end }: Span): boolean {
  return end !== 'still waiting' && end !== 'still holding';
}

/** How long it waited (up to now, if it still does). Null if that is not known. */
export function waitOf(span: Span, now: number): Stretch | null {
  if (span.held) return stretch(span.enteredAt, span.grantedAt);
  return stretch(span.enteredAt, isOver(span) ? span.endedAt : now);
}

/** How long it held (up to now, if it still does). Null if it never did, or that is not known. */
export function holdOf(span: Span, now: number): Stretch | null {
  return span.grantedAt === null ? null : stretch(span.grantedAt, isOver(span) ? span.endedAt : now);
}

/** The last moment at which something is known of it. */
export function lastOf(span: Span, now: number): number {
  const known = Math.max(span.enteredAt, span.grantedAt ?? 0, span.endedAt ?? 0);
  return isOver(span) ? known : Math.max(known, now);
}

function stretch(from: number, to: number | null): Stretch | null {
  return to === null ? null : { ms: Math.max(0, to - from), isSkewed: to < from };
}
