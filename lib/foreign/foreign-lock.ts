import { StoreError } from '../errors.ts';
import { errnoName, messageOf } from '../host/errno.ts';
import type { AlsoLock } from './also-lock.ts';

/**
 * A lock that programs without Lockstep use. It is acquired along with one of ours by the only one of us that holds ours: so
 * at most one of us competes with these programs, and what they see is one more program of their own kind.
 */
export interface ForeignLock {
  /** The option that makes the same lock in another process. */
  readonly also: AlsoLock;
  /** For messages: `the flock of /srv/app.lock`. */
  readonly words: string;
  /** Whether several can share it. */
  readonly canShare: boolean;
  /** To be called before a wait in line. @throws {StoreError} if this system cannot lock so at all */
  checkSystem(): void;
  /** Locks at once; null if others have the lock. @throws {StoreError} */
  tryNow(isShared: boolean): ForeignHold | null;
  /** Waits at most so long. Resolves to null if others have the lock until then, or until the signal aborts. @throws {StoreError} (rejects) */
  within(isShared: boolean, timeoutMs: number, signal?: AbortSignal): Promise<ForeignHold | null>;
}

/** A foreign lock that is held here. */
export interface ForeignHold {
  /** Why it is lost, as far as this process knows; null while it is held, and after `release`. */
  readonly lost: string | null;
  /** Looks whether it is lost. */
  check(): void;
  /** Calls back once when it is lost. */
  whenLost(callback: () => void): void;
  /** A descriptor by which a child that inherits it holds the lock, too; null where that cannot be. Asked for, it is given away. */
  descriptor(): number | null;
  /** Releases it. If it is lost, that is noted in `lost`. Idempotent, unless it throws. @throws {StoreError} */
  release(): void;
  /** The same when nobody could try again: from now on nothing refreshes it. Returns what went wrong; null if nothing did. */
  abandon(): { error: unknown } | null;
}

/** For `abandon`: returns the error that a release throws. */
export function failureOf(release: () => void): { error: unknown } | null {
  try {
    release();
    return null;
  } catch (error) {
    return { error };
  }
}

/** Turns a system error into one that says which lock of other programs could not be used. */
export function foreignLockError(error: unknown, words: string, path: string): unknown {
  const name = errnoName(error);
  if (name === null) return error;
  return foreignFailure(words, path, `${messageOf(error as Error)}. Check that path, its owner and its mode.`, error);
}

export function foreignFailure(words: string, path: string, why: string, cause?: unknown): StoreError {
  return new StoreError('FOREIGN_LOCK', `${words}, which other programs use, cannot be used: ${why}`, {
    operation: 'acquire',
    path,
    cause,
  });
}
