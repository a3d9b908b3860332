import type { Count } from '../line/count.ts';
import type { LoggedTake } from '../line/count-wire.ts';

/** The takes that a counter remembers, all of one moment. */
export interface TakesView {
  /** The number. */
  readonly left: number;
  /** The sum of all loads. */
  readonly loaded: number;
  /** Of the last take; 0: none. */
  readonly sequence: number;
  /** Up to this sequence the log was dropped. */
  readonly trimmedTo: number;
  /** How many takes are logged. */
  readonly logged: number;
  /** Random, made by the first load, or by a rebuild. Null: there was none. */
  readonly generation: string | null;
  /** Those that were asked for, in the order of their sequences. */
  readonly takes: readonly LoggedTake[];
}

/** Which logged takes are wanted. */
export interface TakesRange {
  /** The sequence before the first one. */
  readonly after: number;
  readonly limit: number;
}

export function viewTakes(count: Count, { after, limit }: TakesRange): TakesView {
  const { value: left, loaded, sequence, trimmedTo, logged, generation } = count;
  const takes = limit === 0 ? [] : count.loggedAfter(after, limit);
  return { left, loaded, sequence, trimmedTo, logged, generation, takes };
}
