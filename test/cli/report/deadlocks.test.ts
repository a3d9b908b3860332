import { expect, test } from 'vitest';
import { deadlockedIn, deadlockedInAsync } from '../../../cli/report/deadlocks.ts';
import type { LineView } from '../../../lib/store/store.ts';
import { line } from '../../support/line-sketch.ts';

const CYCLE = [
  line('a', 1, [{ as: 1 }, { as: 4, keeps: [['b', 2]] }]),
  line('b', 1, [{ as: 2 }, { as: 3, keeps: [['a', 1]] }]),
];
/** What is there when the lines are read again: the first wait was given up. */
const OVER = [line('a', 1, [{ as: 1 }]), line('b', 1, [{ as: 2 }, { as: 3, keeps: [['a', 1]] }])];

const from = (lines: readonly LineView[]) => (name: string) => lines.find((one) => one.name === name) ?? null;

test('a cycle in two readings is a deadlock of all who are in it', async () => {
  const all = new Set(['1 a', '2 b', '3 b', '4 a']);
  expect(deadlockedIn(CYCLE, from(CYCLE))).toEqual(all);
  expect(await deadlockedInAsync(CYCLE, async (names) => names.map(from(CYCLE)))).toEqual(all);
});

test('a cycle in one reading alone is none: lines that are read one after the other may show what never was', async () => {
  expect(deadlockedIn(CYCLE, from(OVER))).toEqual(new Set());
  expect(await deadlockedInAsync(CYCLE, async (names) => names.map(from(OVER)))).toEqual(new Set());
});

test('a cycle that runs through a line which was not asked for is found', () => {
  expect(deadlockedIn(CYCLE.slice(0, 1), from(CYCLE))).toEqual(new Set(['1 a', '2 b', '3 b', '4 a']));
});

test('lines in which nobody keeps anything are not read again', () => {
  const lineOf = () => expect.unreachable('nothing needs to be read');
  expect(deadlockedIn([line('a', 1, [{ as: 1 }, { as: 2 }])], lineOf)).toEqual(new Set());
});
