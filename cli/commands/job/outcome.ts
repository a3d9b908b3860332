import prettyMs from 'pretty-ms';
import { DeadlockError, LockTimeoutError } from '../../../lib/errors.ts';
import type { Outcome } from '../../../lib/jobs/record-format.ts';
import type { ChildExit } from '../../child/child.ts';
import { statusOf } from '../../child/child.ts';
import { EXIT, Exit, exitCodeOf } from '../../output/exit.ts';
import { codeOfStop, type Stopped } from './stop.ts';

/** How a run of a job ended. */
export interface JobEnd {
  outcome: Outcome;
  /** The exit code. */
  code: number;
  /** For the record, where the outcome does not say it all. */
  reason: string;
  /** The key of the run that was there, or that replaced this one; or empty. */
  by: string;
  /** For a person. */
  told: string;
  /** What went wrong, if it is no command's own failure: it is told by whoever reports errors. */
  error?: unknown;
}

const CANNOT_RUN = 126;
const NOT_FOUND = 127;

/** An attempt, and how it ended. */
export interface Attempted {
  exit: ChildExit;
  timedOut: boolean;
  lastedMs: number;
  /** Which of how many. */
  number: number;
  most: number;
}

export function endOfAttempt({ exit, timedOut, lastedMs, number, most }: Attempted): JobEnd {
  const lasted = prettyMs(lastedMs);
  const which = most === 1 ? '' : ` (attempt ${number} of ${most})`;
  const end = { reason: '', by: '' };
  if (timedOut) return { ...end, outcome: 'timed-out', code: EXIT.timedOut, told: `timed out after ${lasted}${which}` };
  const code = statusOf(exit.code, exit.signal);
  if (code === 0) return { ...end, outcome: 'succeeded', code, told: `succeeded after ${lasted}${which}` };
  const reason = exit.signal === null ? '' : `killed by ${exit.signal}`;
  const what = reason === '' ? `failed with exit code ${code}` : `was ${reason}`;
  return { outcome: 'failed', code, reason, by: '', told: `${what} after ${lasted}${which}` };
}

/** Whether one more attempt may end otherwise. A command that is not there will not be there then. */
export function mayRetry({ outcome, code, reason }: JobEnd): boolean {
  if (outcome === 'timed-out') return true;
  return outcome === 'failed' && (reason !== '' || (code !== CANNOT_RUN && code !== NOT_FOUND));
}

export function endOfStop(stopped: Stopped, began: boolean): JobEnd {
  const { by } = stopped;
  const code = codeOfStop(stopped, began, EXIT.notAcquired);
  const what = began ? 'was ended' : 'was ended before its command began';
  if (typeof by === 'string') return { outcome: 'cancelled', code, reason: by, by: '', told: `${what} by ${by}` };
  const who = by.pid === 0 ? '' : `, pid ${by.pid} on ${by.host}`;
  const told = `${began ? 'was replaced' : 'was replaced before its command began'} by a newer run${who}`;
  return { outcome: 'replaced', code, reason: '', by: by.key, told };
}

/** Something went wrong that is no command's own failure. */
export function endOfError(error: unknown): JobEnd {
  const code = exitCodeOf(error);
  const reason = error instanceof Exit ? 'it could not be started' : (error as Error).message;
  return { outcome: code === EXIT.notAcquired ? 'gave-up' : 'failed', code, reason, by: '', told: reason, error };
}

/** A wait in line that was in vain; null if something else is wrong. */
export function endOfWait(error: unknown, why: string, by: string): JobEnd | null {
  if (!(error instanceof LockTimeoutError || error instanceof DeadlockError)) return null;
  const reason = error instanceof DeadlockError ? error.message : why;
  return { outcome: 'gave-up', code: EXIT.notAcquired, reason, by, told: `gave up: ${reason}` };
}
