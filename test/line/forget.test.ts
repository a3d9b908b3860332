import { expect, test } from 'vitest';
import { emptyHeader } from '../../lib/line/config.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';

const FACTS = [42, 42, 1000, 'boot', 4026531836, 'web1'];

function lineOf(kind: string): Line {
  return new Line(emptyHeader('n', { kind, permits: 1 }), NO_OBSERVER);
}

test('counts only where nobody is in line, and the value is the one seen', () => {
  const lock = lineOf('lock');
  lock.apply(['enter', 'a:1', FACTS, 1, 10, 'x']);
  expect([lock.apply(['forget', 'b:1', 11, 0]), lock.isForgotten]).toEqual([null, false]);
  lock.apply(['leave', 'a:2', 10, 12]);
  expect([lock.apply(['forget', 'b:2', 13, 0]), lock.isForgotten]).toEqual([1, true]);

  const counter = lineOf('counter');
  counter.apply(['add', 'a:1', 10, 7]);
  for (const value of [0, '7', undefined]) expect(counter.apply(['forget', 'b:1', 11, value])).toBeNull();
  expect(counter.isForgotten).toBe(false);
  expect([counter.apply(['forget', 'b:2', 12, 7]), counter.isForgotten]).toEqual([1, true]);
});

test('the next one of its name has nothing of it but greater tickets', () => {
  const lock = lineOf('lock');
  lock.apply(['enter', 'a:1', FACTS, 1, 500, 'x']);
  lock.apply(['leave', 'a:2', 500, 501]);
  lock.apply(['forget', 'b:1', 502, 0]);
  const next = { name: 'n', kind: 'semaphore', permits: 4, last: 500, token: 500, value: 0, entries: [] };
  expect(lock.headerOfNext({ kind: 'semaphore', permits: 4 })).toEqual(next);
});
