import prettyMs from 'pretty-ms';

/** `1 entry`, `2 entries`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

export function age(ms: number): string {
  return prettyMs(ms, ms < 1_000 ? { millisecondsDecimalDigits: 0 } : { secondsDecimalDigits: 1, unitCount: 2 });
}

export function length(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return prettyMs(ms, ms < 1_000 ? { millisecondsDecimalDigits: 0 } : { secondsDecimalDigits: 1, unitCount: 2 });
}

const MINUTE_MS = 60_000;

/** `350ms`, `1.5s`, `5m 3s`, `3h 5m`, `2d`: as exact as one wants to know it. */
export function lasting(ms: number): string {
  if (ms < MINUTE_MS) return prettyMs(ms, ms < 1_000 ? { millisecondsDecimalDigits: 0 } : { secondsDecimalDigits: 1 });
  return prettyMs(rounded(ms), { unitCount: 2 });
}

export function ago(ms: number, now: number): string {
  return `${coarse(Math.max(0, now - ms))} ago`;
}

/** `in 5h`, `2h ago`. */
export function whenIn(ms: number, now: number): string {
  return ms < now ? ago(ms, now) : `in ${coarse(ms - now)}`;
}

/** The same without a part of a second. */
function coarse(ms: number): string {
  return ms < MINUTE_MS ? prettyMs(ms, { secondsDecimalDigits: 0 }) : lasting(ms);
}

/** To whole minutes from an hour on, and to whole hours from a day on: who reads `3h` does not miss `2s`. */
function rounded(ms: number): number {
  const unitMs = ms < 60 * MINUTE_MS ? 1_000 : ms < 24 * 60 * MINUTE_MS ? MINUTE_MS : 60 * MINUTE_MS;
  return Math.floor(ms / unitMs) * unitMs;
}

/** The last moment that a date can be. */
const MAX_TIME_MS = 8.64e15;

/** `2026-11-26 02:00:05`, by the clock on the wall; with milliseconds `2026-11-26 02:00:05.250`. */
export function localTime(ms: number, precision: 'seconds' | 'milliseconds'): string {
  const zoneMs = new Date(ms).getTimezoneOffset() * 60_000;
  const iso = new Date(Math.min(ms - zoneMs, MAX_TIME_MS)).toISOString();
  return iso.slice(0, precision === 'seconds' ? -'.000Z'.length : -'Z'.length).replace('T', ' ');
}
