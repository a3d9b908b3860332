import { heartbeat } from 'lockstep';
import { expect, test } from 'vitest';

test.each([
  ['no interval', Number.NaN],
  ['none at all', 0],
  ['less than 10 ms', 9],
  ['a fraction', 10.5],
  ['more than a day', 86_400_001],
  ['for ever', Number.POSITIVE_INFINITY],
  ['text', '1s' as unknown as number],
  ['a trap', { toString: null } as unknown as number],
])('an interval that is %s is misuse', (_, interval) => {
  expect(() => heartbeat('n', { interval, store: '/nowhere' })).toThrow(
    expect.objectContaining({ code: 'MISUSE', message: expect.stringContaining('from 10 to 86400000') }),
  );
});

test('a name that can never be, and a store that is not on disk, are misuse', () => {
  expect(() => heartbeat('', { store: '/nowhere' })).toThrow(expect.objectContaining({ code: 'MISUSE' }));
  expect(() => heartbeat('n', { store: {} as never })).toThrow(expect.objectContaining({ code: 'MISUSE' }));
});

test('a store that cannot be opened is told at once', () => {
  expect(() => heartbeat('n', { store: '/dev/null/store' })).toThrow(expect.objectContaining({ name: 'StoreError' }));
});
