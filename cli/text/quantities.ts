import prettyMs from 'pretty-ms';

/** `1 entry`, `2 entries`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** `350ms`, `1.5s`, `5m 3.1s`, `3h 5m`. */
export function age(ms: number): string {
  return prettyMs(ms, ms < 1_000 ? { millisecondsDecimalDigits: 0 } : { secondsDecimalDigits: 1, unitCount: 2 });
}

/** The same; `-` if unknown. */
export function length(ms: number | undefined): string {
  return ms === undefined ? '-' : age(ms);
}

const MINUTE_MS = 60_000;

/** `350ms`, `1.5s`, `5m 3s`, `3h 5m`, `2d`: rounded for a reader who compares durations. */
export function lasting(ms: number): string {
  return ms < MINUTE_MS ? age(ms) : prettyMs(rounded(ms), { unitCount: 2 });
}

export function ago(ms: number, now: number): string {
  return `${roughly(Math.max(0, now - ms))} ago`;
}

/** `in 5h`, `2h ago`. */
export function whenIn(ms: number, now: number): string {
  return ms < now ? ago(ms, now) : `in ${roughly(ms - now)}`;
}

/** Like `lasting`, in whole seconds: for what goes on, or changes while it is read. */
export function roughly(ms: number): string {
  return ms < MINUTE_MS ? prettyMs(ms, { secondsDecimalDigits: 0 }) : lasting(ms);
}

/** Rounds down to minutes from an hour on, and to hours from a day on: `3h`, not `3h 2s`. */
function rounded(ms: number): number {
  const unitMs = ms < 60 * MINUTE_MS ? 1_000 : ms < 24 * 60 * MINUTE_MS ? MINUTE_MS : 60 * MINUTE_MS;
  return Math.floor(ms / unitMs) * unitMs;
}

/** The largest value of a `Date`. */
const MAX_TIME_MS = 8.64e15;

/** The one form in which people are shown a moment: `2026-11-26 02:00:05` in local time; with milliseconds `2026-11-26 02:00:05.250`. */
export function localTime(ms: number, precision: 'seconds' | 'milliseconds'): string {
  const zoneMs = new Date(ms).getTimezoneOffset() * 60_000;
  const iso = new Date(Math.min(ms - zoneMs, MAX_TIME_MS)).toISOString();
  return iso.slice(0, precision === 'seconds' ? -'.000Z'.length : -'Z'.length).replace('T', ' ');
}

/** The form for programs: `2026-11-26T01:00:05.250Z`; null if unknown, or beyond what a `Date` can be. */
export function isoTime(ms: number | null): string | null {
  return ms === null || ms > MAX_TIME_MS ? null : new Date(ms).toISOString();
}
