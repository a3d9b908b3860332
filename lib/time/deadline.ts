import { onAbort } from './abort-listener.ts';

/** `setTimeout` takes no longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves when `ended` does, after `timeoutMs`, or when the signal aborts. Leaves no timer and no listener behind. */
export function byDeadline(ended: Promise<void>, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(timer);
      stopHearing();
      resolve();
    };
    const arm = () => {
      const restMs = deadline - performance.now();
      if (restMs <= 0) finish();
      else timer = setTimeout(arm, Math.min(restMs, MAX_TIMER_MS));
    };
    const stopHearing = onAbort(signal, finish);
    void ended.then(finish);
    arm();
  });
}
