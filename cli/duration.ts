import { durationIn } from '../lib/duration.ts';
import { UsageError } from './failure.ts';

/** `setTimeout` takes no more, and would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** `500ms`, `10s`, `5m`, `2h`, or seconds if bare, in ms. */
export function parseDuration(given: string, option: string): number {
  const value = durationIn(given);
  if (value !== null) return value;
  throw new UsageError(
    `${option} takes a duration such as 500ms, 10s, 5m or 2h (a bare number means seconds), not '${given}'`,
  );
}

/** `setTimeout` for any number of ms. Returns what cancels it. */
export function later(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const arm = (restMs: number): void => {
    const next = restMs > MAX_TIMER_MS ? () => arm(restMs - MAX_TIMER_MS) : callback;
    timer = setTimeout(next, Math.min(restMs, MAX_TIMER_MS));
  };
  arm(ms);
  return () => clearTimeout(timer);
}
