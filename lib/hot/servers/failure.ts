import { LockstepError, StoreError } from '../../errors.ts';
import { GaveUp } from '../bounded.ts';
import { withoutSecret } from '../secret.ts';

export interface FailureKinds {
  /** The engine, in messages. */
  engine: string;
  /** Where its password comes from. */
  passwordFrom: string;
  place: string;
  password: string | undefined;
  isDenied: (error: Error) => boolean;
  /** Whether it may pass with time: no connection, a deadlock, a server that starts or ends. */
  isPassing: (error: Error) => boolean;
}

/** A driver's error in our words. A commit that got no answer is `UNREACHABLE`, too: the cursor shows what it did. */
export function databaseFailure(error: unknown, kinds: FailureKinds): unknown {
  if (error instanceof LockstepError || !(error instanceof Error) || error.name === 'AbortError') return error;
  const { engine, place, password, isDenied, isPassing, passwordFrom } = kinds;
  const text = withoutSecret(error.message || String((error as NodeJS.ErrnoException).code ?? error.name), password);
  const shown = text.replace(/\.$/, '');
  const details = { operation: 'write back', path: place, cause: error };
  if (isDenied(error))
    return new StoreError(
      'DENIED',
      `${engine} at ${place} refused: ${shown}. Correct the user in the URL, the password (${passwordFrom}, or its file), or the permissions.`,
      details,
    );
  if (error instanceof GaveUp || isPassing(error))
    return new StoreError(
      'UNREACHABLE',
      `${engine} at ${place} did not answer: ${shown}. What it has not committed is written again. Check that it runs, and that the URL names it.`,
      details,
    );
  return new StoreError(
    'REFUSED',
    `${engine} at ${place} refused: ${shown}. Nothing was written. Check its tables, as docs/hot-counts.md describes them.`,
    details,
  );
}

/** Errors of connections, by what Node and the drivers call them. */
export function isLostConnection(error: Error): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return (
    /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND|ADDR)|ENOENT$)/.test(code) ||
    /connection (is in closed state|lost|terminated|was closed|ended)|closed the connection|timeout expired|socket has been ended/i.test(
      error.message,
    )
  );
}
