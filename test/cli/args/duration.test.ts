import { expect, test } from 'vitest';
import { parseDuration, parseLimit } from '../../../cli/args/duration.ts';
import { UsageError } from '../../../cli/output/exit.ts';

test.each([
  ['0', 0],
  ['5', 5_000],
  ['1.5', 1_500],
  ['.5', 500],
  ['5 ', 5_000],
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['0.5h', 1_800_000],
  ['1d', 86_400_000],
  ['1h30m', 5_400_000],
  ['1h 30m', 5_400_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['1.5h10M', 6_000_000],
])('the duration %j is %i ms', (text, expected) => {
  expect(parseDuration(text, '--wait')).toBe(expected);
});

test.each([
  '',
  ' ',
  '-1',
  '-5s',
  'soon',
  '5 fortnights',
  '1h30',
  '30m1h',
  '5m5m',
  '1h-30m',
  '1h30mx',
  'x1h30m',
  '1h30',
  'NaN',
  'Infinity',
  '1e3',
  '0x10',
  '5s'.padStart(200, '0'),
])('%j is no duration', (text) => {
  expect(() => parseDuration(text, '--wait')).toThrow(UsageError);
  expect(() => parseDuration(text, '--wait')).toThrow(/^--wait takes a duration/);
});

test('a limit of 0, or of no words, is none, as in timeout(1)', () => {
  for (const given of ['0', '0s', undefined]) expect(parseLimit(given, '--timeout')).toBe(Number.POSITIVE_INFINITY);
  expect(parseLimit('1h30m', '--timeout')).toBe(5_400_000);
});
