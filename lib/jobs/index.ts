/**
 * `lockstep/jobs`: the jobs that `lockstep job` runs, for programs that watch them. Everything here only reads, so
 * root may use it on any user's store.
 *
 * @module
 */

import { readingOf } from '../disk/open-store.ts';
import type { Store } from '../store/store.ts';
import { outputTail } from './output-tail.ts';
import type { Run } from './record-format.ts';
import { RunLog } from './run-log.ts';

export { isJobWell, type JobState, type JobVerdict, judgeJob, tookMs } from './health.ts';
export type { Attempt, Outcome, Run, RunEvent, RunPlan, RunStart, SkipRow } from './record-format.ts';
export { isObserved, type ObservedRun, type RunLog, type RunReading, type RunState } from './run-log.ts';
export type { StuckRun } from './stuck.ts';

/**
 * Opens the log of all runs of jobs in a store. Use it to list jobs, and to read or judge their runs.
 *
 * @param store a store on disk, or its directory. Default: `$LOCKSTEP_DIR`, or the user's own
 * @throws {StoreError} if what is there cannot be trusted
 * @throws {MisuseError} for a store of another kind
 *
 * @example
 * import { openRunLog } from 'lockstep/jobs';
 * const log = openRunLog();
 * console.log(log.jobs(), log.runs('backup').length); // prints [] 0
 */
export function openRunLog(store?: Store | string): RunLog {
  const { host, directory } = readingOf(store);
  return new RunLog(host, directory);
}

/**
 * Returns the end of a run's output, the last 20 lines, or 4 KiB; empty if none was kept. Use it to show why a run failed.
 *
 * @throws {MisuseError} for a store of another kind than on disk
 *
 * @example
 * import { openRunLog, tailOf } from 'lockstep/jobs';
 * const [newest] = openRunLog().runs('backup', 1);
 * console.log(newest ? tailOf(newest.run) : 'it never ran'); // prints it never ran
 */
export function tailOf(run: Run, store?: Store | string): string {
  const { host, directory } = readingOf(store);
  return outputTail(host, directory, run);
}
