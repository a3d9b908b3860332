import { LockstepError } from 'lockstep';

/** The errors that may come of what the chaos does. Any other is a finding. */
const EXPECTED = new Set(['STORE_FULL', 'LOCK_TIMEOUT', 'BARRIER_BROKEN']);

/** The code of an error that is documented and was to be expected, or null. */
export function refusalOf(error: unknown): string | null {
  if (error instanceof LockstepError) return EXPECTED.has(error.code) ? error.code : null;
  // What `AbortSignal.timeout` aborts with.
  return error instanceof DOMException && error.name === 'TimeoutError' ? 'ABORTED' : null;
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
