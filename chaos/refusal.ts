import { LockstepError } from 'lockstep';

/** The errors that the chaos may cause. Any other error is a finding. */
const EXPECTED = new Set([
  ...['STORE_FULL', 'LOCK_TIMEOUT', 'BARRIER_BROKEN'],
  // Of stores on servers. On disk they are findings: nothing explains them there.
  ...['UNREACHABLE', 'UNSURE', 'LEASE_LOST', 'EVICTED', 'STORE_BUSY'],
]);

/** The code of a documented and expected error, or null. */
export function refusalOf(error: unknown): string | null {
  if (error instanceof LockstepError) return EXPECTED.has(error.code) ? error.code : null;
  // The reason of `AbortSignal.timeout`.
  return error instanceof DOMException && error.name === 'TimeoutError' ? 'ABORTED' : null;
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
