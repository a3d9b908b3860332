import type { StoreReading } from '../../../lib/internal.ts';
import type { TopJob } from './top-jobs.ts';

/** A reading of a store, and what it means. */
export interface TopReading extends StoreReading {
  /** The entries that are part of a deadlock, by `keyOf`. */
  deadlocked: ReadonlySet<string>;
  /** The jobs of the store, those that are not well first. */
  jobs: readonly TopJob[];
}

/** Where the screen has its contents from. */
export interface TopSource {
  readonly place: string;
  /** How soon to look again without a change, in ms; null if every change is reported. */
  readonly pollMs: number | null;
  /**
   * The store as far as it is known. A `thorough` look also looks for what is not reported, such as the death of an owner: among the
   * lines of `first`, and as many others as it may.
   */
  look(thorough: boolean, first?: ReadonlySet<string>): TopReading;
  end(): void;
}

export interface SourceOptions {
  /** Empty: every name in the store, also those that come later. */
  names: readonly string[];
  /** Called when something may have changed. */
  onChange: () => void;
}
