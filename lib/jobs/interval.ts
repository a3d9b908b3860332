import { offsetIn } from '../time/zone.ts';

/** A shorter interval is no rhythm of the calendar, and an hour would be too large a part of it. */
const LEAST_MS = 6 * 3_600_000;
/** Summer time is an hour, in one place half an hour, on research stations two. A larger shift is another thing: a country changes sides. */
const MOST_SHIFT_MS = 2 * 3_600_000;

/** The two moments at which an interval may be said to end, in ms since 1970; they differ if the clocks of its zone are changed within it. */
export interface IntervalEnd {
  earliest: number;
  latest: number;
}

/**
 * Returns when an interval ends. A crontab starts a daily job at the same time of the day, so the days on which summer time begins
 * and ends have 23 and 25 hours for it. Others start it every 24 hours, whatever the clock on the wall shows. Both are right, so
 * a caller that must not start a job too early goes by `earliest`, and one that must not report it too early by `latest`.
 *
 * @param zone a name from `zoneIn`; null: this process's local time
 */
export function intervalEnd(startMs: number, everyMs: number, zone: string | null): IntervalEnd {
  const end = startMs + everyMs;
  const shift = everyMs < LEAST_MS ? 0 : offsetIn(zone, end) - offsetIn(zone, startMs);
  if (Math.abs(shift) > MOST_SHIFT_MS) return { earliest: end, latest: end };
  return { earliest: end - Math.max(0, shift), latest: end - Math.min(0, shift) };
}
