import { expect, test } from 'vitest';
import { checkItems } from '../../chaos/etcd/item-check.ts';
import type { TraceLine } from '../../chaos/trace.ts';

const put = (sequence: number, who = 'a'): TraceLine[] => [
  ['try', who, sequence],
  ['done', who, sequence, sequence],
];
const check = (puts: TraceLine[], ends: TraceLine[], left: number[]) => {
  const { overlaps, lost } = checkItems('todo', puts, ends, left);
  return { overlaps, lost };
};

test('an item is finished, or left, or was in the hands of somebody who may have finished it', () => {
  const ends: TraceLine[] = [...put(1), ['try', 'b', 2]];
  expect(check([...put(1), ...put(2), ...put(3)], ends, [3])).toEqual({ overlaps: 0, lost: 0 });
});

test('an item that nobody had, and that is gone, is lost', () => {
  expect(check(put(1), [], [])).toEqual({ overlaps: 0, lost: 1 });
});

test('two items with one number, and one that is finished twice or is there again, are found', () => {
  expect(check([...put(1), ...put(1, 'b')], put(1), [])).toEqual({ overlaps: 0, lost: 1 });
  expect(check(put(1), [...put(1), ...put(1, 'b')], [])).toEqual({ overlaps: 1, lost: 0 });
  expect(check(put(1), put(1), [1])).toEqual({ overlaps: 1, lost: 0 });
});
