import { expect, test } from 'vitest';
import { parseDuration } from '../../cli/args/duration.ts';
import { UsageError } from '../../cli/output/exit.ts';

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
  '1h30m',
  'NaN',
  'Infinity',
  '1e3',
  '0x10',
  '5s'.padStart(200, '0'),
])('%j is no duration', (text) => {
  expect(() => parseDuration(text, '--wait')).toThrow(UsageError);
  expect(() => parseDuration(text, '--wait')).toThrow(/^--wait takes a duration/);
});
