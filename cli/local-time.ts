/** The last moment that a date can be. */
const MAX_TIME_MS = 8.64e15;

/** `2026-11-26 02:00:05`, by the clock on the wall; with milliseconds `2026-11-26 02:00:05.250`. */
export function localTime(ms: number, precision: 'seconds' | 'milliseconds'): string {
  const zoneMs = new Date(ms).getTimezoneOffset() * 60_000;
  const iso = new Date(Math.min(ms - zoneMs, MAX_TIME_MS)).toISOString();
  return iso.slice(0, precision === 'seconds' ? -'.000Z'.length : -'Z'.length).replace('T', ' ');
}
