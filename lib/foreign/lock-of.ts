import { resolvedAlsoLock } from './also-lock.ts';
import { FlockLock } from './flock-lock.ts';
import type { ForeignLock } from './foreign-lock.ts';
import { ProperLockfileLock } from './proper-lockfile-lock.ts';

/** The lock that the option `alsoLock` stands for; null if it is not given. @throws {MisuseError} */
export function foreignLockOf(given: unknown): ForeignLock | null {
  const also = resolvedAlsoLock(given);
  if (also === undefined) return null;
  return 'flock' in also ? new FlockLock(also.flock) : new ProperLockfileLock(also);
}
