import { Cron } from 'croner';
import { MisuseError } from '../errors.ts';
import { durationIn } from '../time/duration.ts';
import { zoneIn } from '../time/zone.ts';
import { intervalEnd } from './interval.ts';

const EVERY = /^every\s+(\S.*)$/i;
/** The five fields of a crontab line, with names of months and days, without the extensions that only some crons have. */
const CRON = /^([\d*,/-]+\s+){3}[\da-z*,/-]+\s+[\da-z*,/-]+$/i;
const NAMES = /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)$/i;
const NICKNAMES = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'];

const MIN_INTERVAL_MS = 1_000;
const MIN_GRACE_MS = 60_000;
/**
 * The end of the years that `croner` knows. It is not asked later: at the end of JavaScript's own years it throws, or, in a time
 * zone that is ahead of UTC, never returns; and a damaged record can have any time.
 */
const YEARS_END_MS = Date.UTC(3000, 0);
/** The default grace of a crontab line, which has no fixed interval to take a part of. */
const CRON_GRACE_MS = 600_000;

/** The rule that says when a job is due. */
export interface Expectation {
  text: string;
  /** Whether it is an interval, and no line of a crontab. */
  isInterval: boolean;
  /** How long after its due time a success may be missing before the job is late, in ms, unless the plan says otherwise. */
  defaultGraceMs: number;
  /** Returns when the next successful run should have started; both in ms since 1970. Infinity: never. */
  dueAfter(startOfLastSuccessMs: number): number;
}

/**
 * Parses an expectation: `every 24h`, or a crontab's fields (`30 2 * * *`, `@daily`).
 *
 * @param zone the time zone whose clocks count, by its IANA name; null: this process's own
 * @throws {MisuseError}
 */
export function parseExpectation(text: string, zone: string | null = null): Expectation {
  if (zone !== null && zoneIn(zone) === null)
    throw new MisuseError(`the expectation '${text}' is in the time zone '${zone}', which is not known here`);
  const words = text.trim();
  const [, interval] = EVERY.exec(words) ?? [];
  return interval === undefined ? byCron(words, text, zone) : byInterval(interval, text, zone);
}

function byInterval(interval: string, text: string, zone: string | null): Expectation {
  const everyMs = durationIn(interval);
  if (everyMs === null || everyMs < MIN_INTERVAL_MS)
    throw refusal(text, 'the interval must be a duration of at least 1s');
  return {
    text,
    isInterval: true,
    defaultGraceMs: Math.max(MIN_GRACE_MS, everyMs / 10),
    dueAfter: (startMs) => intervalEnd(startMs, everyMs, zone).latest,
  };
}

function byCron(words: string, text: string, zone: string | null): Expectation {
  if (!isCron(words)) throw refusal(text, 'it is neither');
  const cron = cronOf(words, text, zone);
  return {
    text,
    isInterval: false,
    defaultGraceMs: CRON_GRACE_MS,
    dueAfter: (startMs) => nextAfter(startMs, cron),
  };
}

function nextAfter(startMs: number, cron: Cron): number {
  const next = startMs < YEARS_END_MS ? cron.nextRun(new Date(startMs)) : null;
  return next?.getTime() ?? Number.POSITIVE_INFINITY;
}

function isCron(words: string): boolean {
  if (NICKNAMES.includes(words.toLowerCase())) return true;
  return CRON.test(words) && (words.match(/[a-z]+/gi) ?? []).every((name) => NAMES.test(name));
}

function cronOf(words: string, text: string, zone: string | null): Cron {
  try {
    const cron = new Cron(words, { paused: true, mode: '5-part', ...(zone === null ? {} : { timezone: zone }) });
    if (cron.nextRun()) return cron;
  } catch (error) {
    throw refusal(text, (error as Error).message.replace(/^CronPattern: /, ''));
  }
  throw refusal(text, 'there is no such day');
}

function refusal(text: string, why: string): MisuseError {
  return new MisuseError(
    `an expectation is 'every 24h' (any duration), or five fields as in a crontab ('30 2 * * *'), or one of ${NICKNAMES.slice(0, 2).join(', ')}, …; not '${text}': ${why}`,
  );
}
