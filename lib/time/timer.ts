/** `setTimeout` with a longer delay warns, and fires at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Calls back once after `ms`, which may be any number from 0 up; after `Infinity`, never. Returns the cancellation.
 *
 * (The package `unlimited-timeout` sets no timer for `Infinity`, so the process that waits would end instead.)
 *
 * @param keepAlive whether the process stays until then, also for a callback that never comes
 */
export function later(ms: number, callback: () => void, keepAlive = true): () => void {
  let timer: NodeJS.Timeout | undefined;
  const arm = (restMs: number): void => {
    const next = restMs > MAX_DELAY_MS ? () => arm(restMs - MAX_DELAY_MS) : callback;
    timer = setTimeout(next, Math.min(restMs, MAX_DELAY_MS));
    if (!keepAlive) timer.unref();
  };
  arm(ms);
  return () => clearTimeout(timer);
}
