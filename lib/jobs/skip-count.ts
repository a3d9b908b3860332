import type { Run, SkipRow } from './run.ts';

/**
 * Counts the skips in a row of a job, from its runs, the newest first: back to the last run that got its permit. Runs that neither
 * were skipped nor got a permit (not due, gave up, replaced in line) neither count nor end the row.
 *
 * Only the newest skipped runs are kept, so each of them carries the count up to itself: the oldest that is there stands for those
 * that are gone. (Two runs that are skipped at the same moment may carry the same count; it is off by one then, never lost.)
 */
export class SkipCount {
  #counted = 0;
  #row: SkipRow | null = null;
  #newest: Run | null = null;
  #isOver = false;

  /** Adds the next older run. */
  add(run: Run): void {
    if (this.#isOver) return;
    const { ended, acquiredAt, at } = run;
    if (ended?.outcome === 'skipped') {
      const { count, since } = ended.skips ?? { count: 1, since: at };
      this.#row = { count: this.#counted + Math.max(1, count), since };
      this.#counted += 1;
      this.#newest ??= run;
    } else this.#isOver = acquiredAt !== null;
  }

  /** Whether older runs do not count. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Null: the newest run was not skipped. */
  get row(): SkipRow | null {
    return this.#row;
  }

  /** The newest run of the row. */
  get newest(): Run | null {
    return this.#newest;
  }
}
