import type { SkipRow } from './run.ts';
import type { ObservedRun } from './run-log.ts';
import type { StuckRun } from './stuck.ts';

export const JOB_STATES = ['stuck', 'failed', 'late', 'unknown', 'running', 'ok'] as const;
/**
 * The health of a job, the most urgent state first.
 *
 * - `stuck`: a run of the job will not end by itself, takes too long, or keeps the others out for too long.
 * - `failed`: the newest run that ended by itself did not succeed.
 * - `late`: a success was due, and no run that succeeded began in time.
 * - `unknown`: the job never ran, its records cannot be read, or none of them shows a success or a failure.
 * - `running`, `ok`: all is well.
 */
export type JobState = (typeof JOB_STATES)[number];

/** When a job is expected to run next. */
export interface Due {
  /** The expectation, as the plan has it: `every 24h`, or a crontab's five fields. */
  expect: string;
  /** The time zone whose clocks it goes by; null: that of this process. */
  zone: string | null;
  graceMs: number;
  /** When the next success should start, in ms since 1970; null: never. */
  at: number | null;
}

/** The verdict on a job. More than one problem may hold; `state` is the most urgent. */
export interface JobVerdict {
  state: JobState;
  /** The newest run, however it ended. */
  newest: ObservedRun | null;
  /** The newest run that is over and was neither skipped nor not due. */
  last: ObservedRun | null;
  /** The newest run that succeeded. */
  success: ObservedRun | null;
  /** The runs that wait or run now, the newest first. */
  live: ObservedRun[];
  /** The median duration of the last successes, in ms. */
  typicalMs: number | null;
  /** The longest of them, in ms. */
  longestMs: number | null;
  /** The newest runs that were skipped, back to the last one that got its permit; null: the newest was not skipped. */
  skips: SkipRow | null;
  due: Due | null;
  stuck: StuckRun | null;
  /** The newest run that failed or was lost, unless a later run succeeded. */
  failed: ObservedRun | null;
  late: boolean;
  /** The fact that cannot be known, and why; else null. */
  problem: string | null;
}

/**
 * Whether a job's state needs no attention. Use it to filter verdicts.
 *
 * @example
 * import { isJobWell } from 'lockstep/jobs';
 * console.log(isJobWell('running'), isJobWell('late')); // prints true false
 */
export function isJobWell(state: JobState): boolean {
  return state === 'ok' || state === 'running';
}
