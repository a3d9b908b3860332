import type { SeenRun } from './run-history.ts';
import type { Expectation } from './schedule.ts';

/** How much longer than it may a run can take to end, before it counts as stuck. */
const SLACK_MS = 60_000;

/**
 * Why a run is stuck.
 *
 * - `orphaned`: its `lockstep job` is gone, so nobody will end its command, nor write down how it ends.
 * - `stopped`: one of its processes is stopped, as by SIGSTOP.
 * - `past-timeout`: its attempt should have been ended by now.
 * - `past-intervals`: it has no timeout, and two more successes were expected since it began.
 */
export type StuckReason = 'orphaned' | 'stopped' | 'past-timeout' | 'past-intervals';

export interface Stuck {
  sight: SeenRun;
  why: StuckReason;
}

/** Judges a run that waits or runs; null if it is not stuck, as far as can be seen. Pure. */
export function whyStuck(sight: SeenRun, expectation: Expectation | null, now: number): StuckReason | null {
  if (sight.orphaned) return 'orphaned';
  if (sight.stopped) return 'stopped';
  if (sight.run.plan.timeoutMs !== null) return isPastTimeout(sight, now) ? 'past-timeout' : null;
  return expectation && isPastIntervals(sight, expectation, now) ? 'past-intervals' : null;
}

/** Each attempt has the timeout for itself; the rests between attempts are not counted. */
function isPastTimeout({ run: { attempts, plan } }: SeenRun, now: number): boolean {
  const attempt = attempts.at(-1);
  if (!attempt || attempt.exited) return false;
  return now > attempt.at + (plan.timeoutMs ?? 0) + plan.killAfterMs + SLACK_MS;
}

function isPastIntervals({ run: { attempts } }: SeenRun, expectation: Expectation, now: number): boolean {
  const [first] = attempts;
  if (!first) return false;
  const next = expectation.dueAfter(first.at);
  return Number.isFinite(next) && now > expectation.dueAfter(next) + SLACK_MS;
}
