import type { Entry } from './entry.ts';

/** The entry that an `enter`, a `try` or a `steal` made. */
export interface Joined {
  entry: Entry;
  /** How many entries waited before it. */
  waitingBefore: number;
  /** How many other entries the record admitted, or ended. */
  others: number;
}

/**
 * The effect of one record. Of a record that joins: the entry. Of an action: how many entries it admitted or ended, or
 * a counter's new value. Of any other record: how many entries it changed. Null: the record is void.
 */
export type Outcome = Joined | number | null;
