import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { MisuseError } from '../../lib/errors.ts';
import { parseExpectation } from '../../lib/jobs/schedule.ts';

const HOUR = 3_600_000;
/** In local time, as a crontab is read. */
const NOON = new Date(2026, 5, 17, 12, 0, 3).getTime();

describe('every DUR', () => {
  test('is due that long after the last success began', () => {
    expect(parseExpectation('every 24h').dueAfter(NOON)).toBe(NOON + 24 * HOUR);
    expect(parseExpectation(' Every  90 ').dueAfter(NOON)).toBe(NOON + 90_000);
  });

  test('grants a tenth of its interval, and never less than a minute', () => {
    expect(parseExpectation('every 1d').defaultGraceMs).toBe(2.4 * HOUR);
    expect(parseExpectation('every 1m').defaultGraceMs).toBe(60_000);
  });
});

describe('five fields of a crontab', () => {
  test.each([
    ['30 2 * * *', [2026, 5, 18, 2, 30]],
    ['*/20 * * * *', [2026, 5, 17, 12, 20]],
    ['0 9 * * mon-fri', [2026, 5, 18, 9, 0]],
    ['0 0 1 JAN *', [2027, 0, 1, 0, 0]],
    // As crontab(5) has it: either of the two will do.
    ['0 0 1 * sun', [2026, 5, 21, 0, 0]],
    ['@hourly', [2026, 5, 17, 13, 0]],
    ['@daily', [2026, 5, 18, 0, 0]],
  ] as const)('%s is due the next time that cron would start it', (text, [year, month, day, hour, minute]) => {
    expect(parseExpectation(text).dueAfter(NOON)).toBe(new Date(year, month, day, hour, minute).getTime());
    expect(parseExpectation(text).defaultGraceMs).toBe(600_000);
  });
});

describe('a time zone', () => {
  test('is the one whose clocks a crontab counts by, whatever the zone of this process', () => {
    const from = Date.parse('2026-06-17T12:00:00Z');
    const due = (zone: string) => new Date(parseExpectation('0 3 * * *', zone).dueAfter(from)).toISOString();
    expect(due('Europe/Berlin')).toBe('2026-06-18T01:00:00.000Z');
    expect(due('Asia/Tokyo')).toBe('2026-06-17T18:00:00.000Z');
    expect(due('UTC')).toBe('2026-06-18T03:00:00.000Z');
  });

  test('of a daily interval allows for the day that has 25 hours, and for no other', () => {
    const due = (from: string, zone: string) =>
      (parseExpectation('every 1d', zone).dueAfter(Date.parse(from)) - Date.parse(from)) / HOUR;
    expect(due('2026-10-24T03:00:00+02:00', 'Europe/Berlin')).toBe(25);
    expect(due('2026-10-25T03:00:00+01:00', 'Europe/Berlin')).toBe(24);
    expect(due('2026-03-28T03:00:00+01:00', 'Europe/Berlin')).toBe(24);
    expect(due('2026-10-24T03:00:00Z', 'UTC')).toBe(24);
  });

  test.each(['UTC', 'Asia/Kathmandu', 'Europe/Berlin', 'Pacific/Kiritimati', 'Pacific/Pago_Pago'])(
    'has no due time after the last of all years: %s',
    (zone) => {
      vi.stubEnv('TZ', zone);
      onTestFinished(() => void vi.unstubAllEnvs());
      const last = 8.64e15;
      const starts = [Date.UTC(3000, 0), last - 15, ...Array.from({ length: 53 }, (_, n) => last - n * (HOUR / 2))];
      const dues = [null, zone].flatMap((own) => starts.map((at) => parseExpectation('@daily', own).dueAfter(at)));
      expect(new Set(dues)).toEqual(new Set([Number.POSITIVE_INFINITY]));
      for (const own of [null, zone])
        expect(parseExpectation('@daily', own).dueAfter(Date.UTC(2999, 0))).toBeLessThan(Date.UTC(2999, 1));
    },
  );

  test('that is not known here is refused', () => {
    for (const text of ['0 3 * * *', 'every 1d'])
      expect(() => parseExpectation(text, 'Europe/Berlni')).toThrow(/time zone 'Europe\/Berlni', which is not known/);
  });
});

test.each([
  ['', /neither/],
  ['daily', /neither/],
  ['every', /neither/],
  ['every day', /a duration of at least 1s/],
  ['every 0s', /a duration of at least 1s/],
  ['every -5m', /a duration of at least 1s/],
  ['* * * *', /neither/],
  ['* * * * * *', /neither/],
  ['61 * * * *', /minute/],
  ['0 0 L * *', /neither/],
  ['0 0 * foo *', /neither/],
  ['? * * * *', /neither/],
  ['0 0 31 2 *', /no such day/],
  ['@reboot', /neither/],
])('%j is refused, with what is allowed and why', (text, why) => {
  const parse = () => parseExpectation(text);
  expect(parse).toThrow(MisuseError);
  expect(parse).toThrow(why);
  expect(parse).toThrow(/'every 24h' .* crontab/);
});
