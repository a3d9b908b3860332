import prettyMs from 'pretty-ms';
import { DeadlockError, type LeaseLostError, LockTimeoutError } from '../../../lib/index.ts';
import type { ProcessExit } from '../../../lib/internal.ts';
import type { Outcome, SkipRow } from '../../../lib/jobs/index.ts';
import { CANNOT_RUN, NOT_FOUND, statusOf, statusOfSignal } from '../../child/status.ts';
import { EXIT, Exit, exitCodeOf } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { Stopped } from './stop.ts';

/** The end of a run of a job. */
export interface JobEnd {
  outcome: Outcome;
  /** The exit code. */
  code: number;
  /** For the record; empty where the outcome is enough. */
  reason: string;
  /** The key of the run that caused this outcome; or empty. */
  by: string;
  /** Of a run that was skipped: the skips in a row, this one included. */
  skips?: SkipRow;
  /** Whether a person should read the message although the outcome is no failure. */
  isNews?: boolean;
  /** For a person. */
  message: string;
  /** The error that ended the run, if the command did not fail by itself. `main` reports it. */
  error?: unknown;
}

/** An attempt that has ended. */
export interface Attempted {
  exit: ProcessExit;
  timedOut: boolean;
  lastedMs: number;
  /** From 1 to `most`. */
  number: number;
  most: number;
}

export function endOfAttempt({ exit, timedOut, lastedMs, number, most }: Attempted): JobEnd {
  const after = `after ${prettyMs(lastedMs)}${most === 1 ? '' : ` (attempt ${number} of ${most})`}`;
  const end = { reason: '', by: '' };
  if (timedOut) return { ...end, outcome: 'timed-out', code: EXIT.timedOut, message: `timed out ${after}` };
  const code = statusOf(exit);
  if (code === 0) return { ...end, outcome: 'succeeded', code, message: `succeeded ${after}` };
  const reason = exit.signal === null ? '' : `killed by ${exit.signal}`;
  const what = reason === '' ? `failed with exit code ${code}` : `was ${reason}`;
  return { outcome: 'failed', code, reason, by: '', message: `${what} ${after}` };
}

/** The end of a run that lost its lease: its command may not have been alone, so it counts as failed, and is not retried. */
export function endOfLoss({ message: reason }: LeaseLostError, { message }: JobEnd): JobEnd {
  const code = EXIT.notAcquired;
  return { outcome: 'failed', code, reason, by: '', message: `lost its lease; the command itself ${message}` };
}

/** Whether another attempt may end otherwise. A command that does not exist will not exist then. */
export function mayRetry({ outcome, code, reason }: JobEnd): boolean {
  if (outcome === 'timed-out') return true;
  return outcome === 'failed' && (reason !== '' || (code !== CANNOT_RUN && code !== NOT_FOUND));
}

/** The end of a run whose course an error cut short: a stop, or a failure of Lockstep's own. */
export function endOfFailure(error: unknown, began: boolean): JobEnd {
  if (error instanceof Stopped) return endOfStop(error, began);
  const code = exitCodeOf(error);
  const reason = error instanceof Exit ? 'it could not be started' : messageWithRemedy(error);
  const outcome = code === EXIT.notAcquired && !began ? 'gave-up' : 'failed';
  return { outcome, code, reason, by: '', message: reason, error };
}

function endOfStop({ by }: Stopped, began: boolean): JobEnd {
  const where = began ? '' : ' before its command began';
  if (typeof by === 'string') {
    const message = `was ended${where} by ${by}`;
    return { outcome: 'cancelled', code: statusOfSignal(by), reason: by, by: '', message };
  }
  const who = by.pid === 0 ? '' : `, pid ${by.pid} on ${by.host}`;
  const code = began ? statusOfSignal('SIGTERM') : EXIT.notAcquired;
  return { outcome: 'replaced', code, reason: '', by: by.key, message: `was replaced${where} by a newer run${who}` };
}

/** The end of a run that did not get the lock; null if the error is another one. */
export function endOfWait(error: unknown, why: string, by: string): JobEnd | null {
  if (!(error instanceof LockTimeoutError || error instanceof DeadlockError)) return null;
  const reason = error instanceof DeadlockError ? error.message : why;
  return { outcome: 'gave-up', code: EXIT.notAcquired, reason, by, message: `gave up: ${reason}` };
}
