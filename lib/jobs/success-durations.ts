import type { Run } from './run.ts';
import type { RunLog } from './run-log.ts';

/** The typical duration is the median of so many successes, at most. */
export const TYPICAL_RUNS = 20;

/**
 * Returns how long the command took with all its attempts, in ms; null if it did not begin, or its end is unknown. Use it
 * to show or compare the durations of runs.
 *
 * @example
 * import { openRunLog, tookMs } from 'lockstep/jobs';
 * console.log(openRunLog().runs('backup', 10).map(({ run }) => tookMs(run))); // prints []
 */
export function tookMs({ attempts: [first], ended }: Run): number | null {
  return first && ended ? Math.max(0, ended.at - first.at) : null;
}

/**
 * Returns how long the successes before a run took, for the record of its own success: the newest first. It reads the record
 * of each, and believes no list in them, so that a run that a list lacks (it began before the next success and ended after it)
 * is in all later lists.
 */
export function durationsBefore(log: Pick<RunLog, 'each'>, job: string): number[] {
  const durations: number[] = [];
  for (const run of log.each(job)) {
    const durationMs = run.ended?.outcome === 'succeeded' ? tookMs(run) : null;
    if (durationMs !== null) durations.push(durationMs);
    if (durations.length === TYPICAL_RUNS - 1) break;
  }
  return durations;
}

/**
 * The durations of a job's newest successes, from its runs, the newest first. The record of a success lists those before it,
 * so one record is enough; records of an older Lockstep have no list, and are read until there are enough of them.
 */
export class SuccessDurations {
  readonly #durations: number[] = [];
  #isListed = false;
  #read = 0;

  /** Adds the next older success. */
  add(run: Run): void {
    const durationMs = tookMs(run);
    if (durationMs === null) return;
    this.#read += 1;
    if (this.isComplete) return;
    const earlierMs = run.ended?.earlierMs;
    this.#durations.push(durationMs, ...(earlierMs ?? []));
    this.#durations.splice(TYPICAL_RUNS);
    this.#isListed = earlierMs !== undefined;
  }

  /** Whether older successes do not count. */
  get isComplete(): boolean {
    return this.#isListed || this.#durations.length >= TYPICAL_RUNS;
  }

  /** Whether as many were added as count, whatever their lists say. */
  get areAllRead(): boolean {
    return this.#read >= TYPICAL_RUNS;
  }

  /** Null: there is none. */
  get medianMs(): number | null {
    const sorted = this.#durations.toSorted((a, b) => a - b);
    const middle = (sorted.length - 1) / 2;
    const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
    return low === undefined || high === undefined ? null : (low + high) / 2;
  }

  /** Null: there is none. */
  get longestMs(): number | null {
    return this.#durations.length === 0 ? null : Math.max(...this.#durations);
  }
}
