import type { Entry } from './entry.ts';

/** The entry that an `enter`, a `try` or a `steal` made. */
export interface Joined {
  entry: Entry;
  /** How many entries waited before it. */
  waitingBefore: number;
  /** How many other entries the record admitted, or ended. */
  others: number;
}

/** The result of a `take`. */
export interface Taken {
  /** The number afterwards. */
  readonly left: number;
  /** 1, 2, 3, … of the takes of this counter. */
  readonly sequence: number;
  /** Whether an earlier request with the same id took it. */
  readonly isRepeat: boolean;
}

/**
 * Why a counter did nothing.
 *
 * - `sold out`: it would go below the floor.
 * - `log full`: the log takes no more.
 * - `another number`: the id was used with another one.
 * - `ahead`: it has takes that it would lose.
 *
 * Or why a queue did nothing:
 *
 * - `queue full`: as many are queued as the request allows.
 * - `queue exhausted`: it has as much as any queue may.
 */
export type Refusal = 'sold out' | 'log full' | 'another number' | 'ahead' | 'queue full' | 'queue exhausted';

/** The result of a `put`. */
export interface Put {
  /** The item's sequence: 1, 2, 3, … of this queue. */
  readonly item: number;
  /** Whether an earlier request with the same id put it. */
  readonly isRepeat: boolean;
}

/**
 * The effect of an action: how many entries it admitted or ended, a counter's new value, what was taken, or what was put. Null: it is void.
 */
export type Answer = number | Taken | Put | Refusal | null;

/**
 * The effect of one record. Of a record that joins: the entry. Of an action: its answer. Of any other record: how many entries it
 * changed. Null: the record is void.
 */
export type Outcome = Joined | Answer;

export function isJoined(outcome: Outcome): outcome is Joined {
  return typeof outcome === 'object' && outcome !== null && 'entry' in outcome;
}

export function isTaken(outcome: Outcome): outcome is Taken {
  return typeof outcome === 'object' && outcome !== null && 'sequence' in outcome;
}

export function isPut(outcome: Outcome): outcome is Put {
  return typeof outcome === 'object' && outcome !== null && 'item' in outcome;
}
