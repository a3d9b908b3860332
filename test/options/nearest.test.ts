import { expect, test } from 'vitest';
import { nearestOf } from '../../lib/options/nearest.ts';

const WORDS = ['timeout', 'signal', 'status', 'deploy', 'kill-after', 'wait'];

test.each([
  ['tiemout', 'timeout', 'two neighbours are swapped'],
  ['timeot', 'timeout', 'one is missing'],
  ['timeoutMs', 'timeout', 'there is more behind it'],
  ['time', 'timeout', 'it is the beginning'],
  ['Signal', 'signal', 'the case differs'],
  ['stauts', 'status', 'two neighbours are swapped'],
  ['kill-afer', 'kill-after', 'one is missing in a long word'],
  ['wit', 'wait', 'it is short, and one is missing'],
])('of %s is %s: %s', (given, meant) => {
  expect(nearestOf(given, WORDS)).toBe(meant);
});

test.each([
  ['zz', 'nothing is like it'],
  ['backup', 'every word needs too many edits'],
  ['s', 'it is the beginning of too many'],
  ['deploy', 'it is the word itself'],
  ['d'.repeat(5_000), 'it is too long to be compared'],
])('of %s is none: %s', (given) => {
  expect(nearestOf(given, WORDS)).toBe(null);
});

test('of two is the one that is nearer', () => {
  expect(nearestOf('web-12', ['web-3', 'web-1', 'web-11'])).toBe('web-1');
  expect(nearestOf('deplyo', ['deploys', 'deploy'])).toBe('deploy');
});
