import { expect, test } from 'vitest';
import { Excuses } from '../../chaos/etcd/excuses.ts';
import { checkHands } from '../../chaos/etcd/hands-check.ts';
import type { TraceLine } from '../../chaos/trace.ts';

const take = (who: string, item: number, token: number, ms = token): TraceLine => ['take', who, item, token, ms];
const leave = (who: string, item: number, token: number): TraceLine => ['leave', who, item, token];
const check = (lines: TraceLine[], excuses = new Excuses()) => checkHands('todo', lines, excuses);

test('an item goes from one to the next, and several items are in several hands', () => {
  const lines = [
    take('a', 1, 10),
    take('b', 2, 11),
    leave('a', 1, 10),
    take('b', 1, 12),
    leave('b', 1, 12),
    leave('b', 2, 11),
  ];
  expect(check(lines)).toMatchObject({ cycles: 3, overlaps: 0, details: [] });
});

test('an item in two hands is found, whoever comes first in the trace', () => {
  for (const [one, other] of [
    [10, 11],
    [11, 10],
  ] as const) {
    const lines = [take('a', 1, one), take('b', 1, other), leave('a', 1, one), leave('b', 1, other)];
    expect(check(lines)).toMatchObject({ cycles: 2, overlaps: 1 });
  }
});

test('one that was killed with an item does not count, for it may have been dead by then', () => {
  expect(check([take('a', 1, 10), take('b', 1, 11), leave('b', 1, 11)])).toMatchObject({ cycles: 1, overlaps: 0 });
});

test('one that was stopped could not hear of its loss; the other one could', () => {
  class Stopped extends Excuses {
    override has(life: string): boolean {
      return life === 'a';
    }
  }
  const lines = (first: string, second: string) => [
    ...[take(first, 1, 10), take(second, 1, 11)],
    ...[leave(second, 1, 11), leave(first, 1, 10)],
  ];
  expect(check(lines('a', 'b'), new Stopped()).overlaps).toBe(0);
  expect(check(lines('b', 'a'), new Stopped()).overlaps).toBe(1);
});
