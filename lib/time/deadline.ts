import { onAbort } from './abort-listener.ts';
import { later } from './timer.ts';

/**
 * Resolves when `ended` does, after `timeoutMs`, or when the signal aborts. Leaves no timer and no listener behind.
 *
 * @param keepAlive whether the process stays until then; what is waited for may keep none
 */
export function byDeadline(
  ended: Promise<void>,
  timeoutMs: number,
  signal?: AbortSignal,
  keepAlive = true,
): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      cancelTimer();
      stopListening();
      resolve();
    };
    const cancelTimer = later(timeoutMs, finish, keepAlive);
    const stopListening = onAbort(signal, finish);
    void ended.then(finish);
  });
}
