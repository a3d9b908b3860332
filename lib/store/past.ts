import type { Action } from '../line/action.ts';

/**
 * How an entry's time in the line ended.
 *
 * - `left`: it held, and was released; by `lockstep release`, if `reason` is `released`.
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

/** The past of a resource, as far as it is kept: the current epoch of its journal and those before it, or the revisions of servers. */
export interface Past {
  name: string;
  kind: string;
  permits: number;
  /** For an event, 1 if it is set; for a barrier, 1 if it is broken; for a counter, its number. */
  value: number;
  /** In the order in which the entries joined the line. */
  spans: Span[];
  actions: PastAction[];
  /** The beginning of what is known, in ms since 1970: an entry that holds then may have held for long. */
  from: number;
  /** When it was read. */
  readAt: number;
  /** The epochs that could not be read, and were skipped. */
  damaged: number[];
  /** Of servers: whether what was before `from` is compacted away. */
  isCut?: boolean;
}
