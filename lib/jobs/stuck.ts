import type { ObservedRun } from './run-log.ts';
import type { Expectation } from './schedule.ts';

/** How far past its limit a run may be before it counts as stuck. */
const SLACK_MS = 60_000;

/**
 * Why a run is stuck.
 *
 * - `orphaned`: its wrapper is gone, so nothing will end its command or record how it ends.
 * - `stopped`: one of its processes is stopped, as by SIGSTOP.
 * - `past-timeout`: its current attempt should have been ended by now.
 * - `past-intervals`: it has no timeout, and two more successes were expected since it began.
 */
export type StuckReason = 'orphaned' | 'stopped' | 'past-timeout' | 'past-intervals';

export interface StuckRun {
  observed: ObservedRun;
  why: StuckReason;
}

/** Returns why a waiting or running run is stuck; null if nothing shows that it is. Pure. */
export function whyStuck(observed: ObservedRun, expectation: Expectation | null, now: number): StuckReason | null {
  if (observed.orphaned) return 'orphaned';
  if (observed.stopped) return 'stopped';
  if (observed.run.plan.timeoutMs !== null) return isPastTimeout(observed, now) ? 'past-timeout' : null;
  return expectation && isPastIntervals(observed, expectation, now) ? 'past-intervals' : null;
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
