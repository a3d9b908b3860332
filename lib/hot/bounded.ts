import { onAbort } from '../time/abort-listener.ts';
import { later } from '../time/timer.ts';
import type { CallOptions } from './back.ts';

/** How long a call on a server may take. */
export const CALL_MS = 10_000;

/** The deadline has passed. */
export class GaveUp extends Error {}

/**
 * Runs `work` until its deadline, or until the signal aborts; then it calls `giveUp`, which ends what is left of it.
 *
 * @throws {GaveUp} (rejects) at the deadline
 * @throws the signal's reason (rejects) when it aborts
 */
export function bounded<T>(
  work: () => Promise<T>,
  { timeout = CALL_MS, signal }: CallOptions,
  giveUp: () => void,
): Promise<T> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const end = () => {
      cancel();
      stopListening();
    };
    const fail = (reason: unknown) => {
      end();
      reject(reason);
      giveUp();
    };
    const cancel = later(timeout, () => fail(new GaveUp(`no answer within ${timeout} ms`)));
    const stopListening = onAbort(signal, () => fail(signal?.reason));
    work().then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}

/** Resolves after `ms`, or when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      stopListening();
      resolve();
    };
    const cancel = later(ms, end);
    const stopListening = onAbort(signal, end);
  });
}
