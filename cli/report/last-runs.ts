import { isObserved, type JobVerdict, type RunReading } from '../../lib/jobs/index.ts';
import type { Mark, Marks } from '../text/strip.ts';
import { resultOf } from './job-words.ts';

/** The number of marks that a strip has, */
const MOST = 10;
/** unless there are so many jobs that their strips together would have more than this: each mark is a file to read. */
const MOST_OF_ALL = 1_000;
/** Starts that were not due have no mark, but their records are read. */
const READ_MOST = 4 * MOST;

const MARK_OF: Record<ReturnType<typeof resultOf>, Mark | null> = {
  succeeded: 'good',
  failed: 'bad',
  'timed-out': 'bad',
  'gave-up': 'bad',
  lost: 'unknown',
  replaced: 'ended',
  cancelled: 'ended',
  skipped: 'skipped',
  'not-due': null,
  running: 'running',
  waiting: 'waiting',
};

/** Collects the last runs of a job for a strip, from its readings, the newest first. */
export class LastRuns {
  readonly #most: number;
  readonly #marks: Array<[mark: Mark, count: number]> = [];
  #read = 0;

  constructor(jobs: number) {
    this.#most = Math.max(1, Math.min(MOST, Math.floor(MOST_OF_ALL / jobs)));
  }

  /** Adds the next older run. */
  add(reading: RunReading): void {
    this.#read += 1;
    const mark = isObserved(reading) ? MARK_OF[resultOf(reading)] : 'unknown';
    if (mark === null) return;
    const older = this.#marks.at(-1);
    // Skips in a row are one mark: they would fill the strip, and say less than the runs behind them.
    if (older && mark === 'skipped' && older[0] === 'skipped') older[1] += 1;
    else if (this.#marks.length < this.#most) this.#marks.push([mark, 1]);
  }

  get isFull(): boolean {
    return this.#marks.length >= this.#most || this.#read >= READ_MOST;
  }

  /** The oldest first. Of the newest skips more may have been counted than have records. */
  marks({ skips }: JobVerdict): Marks {
    const at = this.#marks.findIndex(([mark]) => mark === 'skipped');
    const isNewest = this.#marks.slice(0, Math.max(0, at)).every(([mark]) => mark === 'waiting' || mark === 'running');
    return this.#marks
      .map(([mark, count], place) => [mark, place === at && isNewest && skips ? skips.count : count] as const)
      .reverse();
  }
}
