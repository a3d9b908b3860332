/**
 * `lockstep/jobs`: the jobs that `lockstep job` runs, for programs that watch them. Everything here only reads, so
 * root may use it on any user's store.
 *
 * @module lockstep/jobs
 */

import { readOnlyHost } from '../disk/read-only-host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { Store } from '../store/store.ts';
import { readingOf, recordsOf } from '../stores/open-store.ts';
import { outputTail } from './output-tail.ts';
import type { Run } from './run.ts';
import { RunLog } from './run-log.ts';
import { SharedRuns } from './shared-runs.ts';

export type { ProcessFacts } from '../host/host.ts';
export { judgeJob } from './health.ts';
export { type Due, isJobWell, type JobState, type JobVerdict } from './job-verdict.ts';
export type { KnownJob } from './known-jobs.ts';
export type {
  Attempt,
  AttemptBegan,
  AttemptExited,
  Outcome,
  Run,
  RunAcquired,
  RunEnded,
  RunEvent,
  RunPlan,
  RunStart,
  SkipRow,
} from './run.ts';
export {
  isObserved,
  type ObservedRun,
  type RunLog,
  type RunReading,
  type RunState,
  type UnreadableRun,
} from './run-log.ts';
export type { StuckReason, StuckRun } from './stuck.ts';
export { tookMs } from './success-durations.ts';

/**
 * Opens the log of all runs of jobs in a store. Use it to list jobs, and to read or judge their runs.
 *
 * @param store a store, or its directory or URL. Default: `$LOCKSTEP_STORE`, `$LOCKSTEP_DIR`, or the user's own. Of a store on servers
 *   the log has what was fetched (`fetchRunLog`)
 * @throws {StoreError} if what is there cannot be trusted
 * @throws {MisuseError} for a store that was not opened here
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
 * Opens the same log after it has brought the records of runs on other machines up to date. On a store on disk, that is
 * `openRunLog`.
 *
 * Use it before each look at the jobs of a store on servers. The output of a run stays on its machine, but for the last lines of one
 * that has ended. A run whose machine died is `lost` as soon as its lease has ended.
 *
 * @param job only the runs of this job
 * @throws {StoreError} (rejects) as `openRunLog`; with `UNREACHABLE` if no server answers within 5 s: what was known before is in
 *   `openRunLog`
 *
 * @example
 * import { fetchRunLog } from 'lockstep/jobs';
 * const log = await fetchRunLog();
 * console.log(log.jobs()); // prints []
 */
export async function fetchRunLog(chosen?: Store | string, job?: string): Promise<RunLog> {
  const open = recordsOf(chosen);
  if (open === null) return openRunLog(chosen);
  const lost = await new SharedRuns(nodeHost, open).fetch(job);
  return new RunLog(readOnlyHost, open.directory, lost);
}

/**
 * Returns the end of a run's output, the last 20 lines, or 4 KiB; empty if none was kept. Use it to show why a run failed.
 *
 * @throws {MisuseError} for a store that was not opened here
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
