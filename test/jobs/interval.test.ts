import { expect, test } from 'vitest';
import { intervalEnd } from '../../lib/jobs/interval.ts';
import { DAY, HOUR } from '../support/recorded-run.ts';

/** Hours after the start. */
function hoursOf(from: string, everyMs: number, zone: string): [number, number] {
  const start = Date.parse(from);
  const { earliest, latest } = intervalEnd(start, everyMs, zone);
  return [(earliest - start) / HOUR, (latest - start) / HOUR];
}

test.each([
  ['on an ordinary day', '2026-06-17T03:00:00+02:00', DAY, 'Europe/Berlin', [24, 24]],
  ['over the day on which summer time begins', '2026-03-28T03:00:00+01:00', DAY, 'Europe/Berlin', [23, 24]],
  ['over the day on which it ends', '2026-10-24T03:00:00+02:00', DAY, 'Europe/Berlin', [24, 25]],
  ['of a week with that day', '2026-10-20T03:00:00+02:00', 7 * DAY, 'Europe/Berlin', [168, 169]],
  ['of six hours over the change', '2026-03-29T00:00:00+01:00', 6 * HOUR, 'Europe/Berlin', [5, 6]],
  ['that is short, since an hour is a large part of it', '2026-03-29T01:30:00+01:00', HOUR, 'Europe/Berlin', [1, 1]],
  ['where the change is of half an hour', '2026-04-04T03:00:00+11:00', DAY, 'Australia/Lord_Howe', [24, 24.5]],
  ['where a country skips a day', '2011-12-29T12:00:00-10:00', DAY, 'Pacific/Apia', [24, 24]],
  ['where there is no summer time', '2026-03-28T03:00:00Z', DAY, 'UTC', [24, 24]],
] as const)('an interval %s', (_, from, everyMs, zone, hours) => {
  expect(hoursOf(from, everyMs, zone)).toEqual(hours);
});

test('an interval in the local time of this process agrees with that of its zone', () => {
  const start = Date.parse('2026-03-28T03:00:00Z');
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  expect(intervalEnd(start, DAY, null)).toEqual(intervalEnd(start, DAY, zone));
});

test('no moment that a record can have breaks it', () => {
  for (const at of [0, 1, 8.64e15, Number.MAX_SAFE_INTEGER])
    for (const zone of ['Europe/Berlin', null]) expect(intervalEnd(at, DAY, zone).latest).not.toBeNaN();
});
