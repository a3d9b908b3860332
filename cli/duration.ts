import ms from 'ms';
import { UsageError } from './failure.ts';

const BARE = /^(\d+|\d*\.\d+)$/;
/** `setTimeout` takes no more, and would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** `500ms`, `10s`, `5m`, `2h`, or seconds if bare, in ms. */
export function parseDuration(given: string, option: string): number {
  const text = given.trim();
  const value = BARE.test(text) ? Number(text) * 1000 : parseWithUnit(text);
  if (value !== undefined && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(
    `${option} takes a duration such as 500ms, 10s, 5m or 2h (a bare number means seconds), not '${given}'`,
  );
}

function parseWithUnit(text: string): number | undefined {
  // `ms` throws on an empty string and on more than 100 characters.
  return text === '' || text.length > 100 ? undefined : ms(text as ms.StringValue);
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
