import type { SkipRow } from './run.ts';
import type { ObservedRun } from './run-log.ts';
import type { Expectation } from './schedule.ts';

/** How far past its limit a run may be before it counts as stuck. */
const SLACK_MS = 60_000;
/**
 * A run that keeps others out counts as stuck after so many times the longest of its job's last successes. Not the typical one:
 * a job that mostly finds nothing to do takes seconds, and hours when there is work.
 */
const TIMES_LONGEST = 5;
/** And never sooner: the durations of a short job vary by any factor, with the network or the weekly full run. */
const LEAST_BLOCKING_MS = 3_600_000;
/** The limit where no success shows how long a run takes: the first run of a job may be its longest, as the first copy of everything. */
const UNKNOWN_BLOCKING_MS = 24 * 3_600_000;

/**
 * Why a run is stuck.
 *
 * - `orphaned`: its wrapper is gone, so nothing will end its command or record how it ends.
 * - `stopped`: one of its processes is stopped, as by SIGSTOP.
 * - `past-timeout`: its current attempt should have been ended by now.
 * - `past-intervals`: it has no timeout, and two more successes were expected since it began.
 * - `blocking`: it has no timeout, keeps other runs of its job out, and goes on for much longer than the last successes took.
 * - `blocked`: it was skipped, as all before it for a day, and no run of the job has the lock.
 */
export type StuckReason = 'orphaned' | 'stopped' | 'past-timeout' | 'past-intervals' | 'blocking' | 'blocked';

/** A run that will not end by itself, or keeps others from running, and why. */
export interface StuckRun {
  observed: ObservedRun;
  why: StuckReason;
}

/** The facts that are known of the job whose run is judged. */
export interface JobFacts {
  expectation: Expectation | null;
  /** The longest of the last successes, in ms; null if there is none. */
  longestMs: number | null;
  /** Whether another run of the job was skipped, gave up or waits because of the one that is judged. */
  keepsOthersOut: boolean;
}

/** Returns why a waiting or running run is stuck; null if nothing shows that it is. Pure. */
export function whyStuck(observed: ObservedRun, job: JobFacts, now: number): StuckReason | null {
  if (observed.orphaned) return 'orphaned';
  if (observed.stopped) return 'stopped';
  if (observed.run.plan.timeoutMs !== null) return isPastTimeout(observed, now) ? 'past-timeout' : null;
  if (job.expectation && isPastIntervals(observed, job.expectation, now)) return 'past-intervals';
  return job.keepsOthersOut && isBlocking(observed, job.longestMs, now) ? 'blocking' : null;
}

/**
 * Whether a job's newest runs were all skipped for a day. How long its other holder (a `lockstep run` of the same name) may hold the
 * lock is not known, so the limit is that of a run whose usual duration is unknown.
 */
export function isBlocked({ since }: SkipRow, newestAt: number): boolean {
  return newestAt - since >= UNKNOWN_BLOCKING_MS;
}

/** The timeout holds for each attempt; the pauses between attempts do not count. */
function isPastTimeout({ run: { attempts, plan } }: ObservedRun, now: number): boolean {
  const attempt = attempts.at(-1);
  if (!attempt || attempt.exited) return false;
  return now > attempt.at + (plan.timeoutMs ?? 0) + plan.killAfterMs + SLACK_MS;
}

function isPastIntervals({ run: { attempts } }: ObservedRun, expectation: Expectation, now: number): boolean {
  const [first] = attempts;
  if (!first) return false;
  const next = expectation.dueAfter(first.at);
  return Number.isFinite(next) && now > expectation.dueAfter(next) + SLACK_MS;
}

function isBlocking({ run: { attempts, acquiredAt } }: ObservedRun, longestMs: number | null, now: number): boolean {
  const since = attempts[0]?.at ?? acquiredAt;
  if (since === null) return false;
  const limit = longestMs === null ? UNKNOWN_BLOCKING_MS : Math.max(LEAST_BLOCKING_MS, TIMES_LONGEST * longestMs);
  return now - since > limit;
}
