import { describe, expect, test } from 'vitest';
import { emptyHeader } from '../../lib/line/config.ts';
import { Count, MAX_LOGGED, REMEMBERED_IDS, REMEMBERED_LOADS } from '../../lib/line/count.ts';
import type { CountWire } from '../../lib/line/count-wire.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';

const MIB = 1024 * 1024;

function take(count: Count, id: string, bound: number | null = null) {
  return count.take({ n: 1, floor: 0, id, bound }, 0);
}

/** As the next epoch's header has it. */
function reloaded(count: Count): Count {
  return new Count(count.value, JSON.parse(JSON.stringify(count.toWire())));
}

function sequencesOf(count: Count, ids: readonly string[]): unknown[] {
  return ids.map((id) => {
    const answer = take(count, id);
    return typeof answer === 'object' && answer.isRepeat ? answer.sequence : 'new';
  });
}

test('the last 10,000 ids are remembered, also by the next epoch, and those before are not', () => {
  let count = new Count(2 * REMEMBERED_IDS, undefined);
  for (let at = 1; at <= REMEMBERED_IDS + 5; at++) {
    take(count, `order-${at}`);
    if (at % 4_001 === 0) count = reloaded(count);
  }
  expect(sequencesOf(reloaded(count), ['order-6'])).toEqual([6]);
  expect(sequencesOf(reloaded(count), ['order-5'])).toEqual(['new']);
  expect(sequencesOf(reloaded(count), ['order-10000', 'order-10005'])).toEqual([10_000, 10_005]);
});

test('what is logged is remembered beside these, and once it is trimmed with its number in the order of takes', () => {
  const count = new Count(3 * REMEMBERED_IDS, undefined);
  for (const id of ['a', 'b', 'c']) take(count, id, 9);
  for (let at = 4; at <= REMEMBERED_IDS + 10; at++) take(count, `order-${at}`);
  expect(sequencesOf(reloaded(count), ['a', 'b', 'c'])).toEqual([1, 2, 3]);
  expect(reloaded(count).trim(2)).toBe(2);
  count.trim(2);
  // Nothing newer goes for what is older.
  expect(sequencesOf(reloaded(count), ['order-11'])).toEqual([11]);
  expect(sequencesOf(reloaded(count), ['c'])).toEqual([3]);
  expect(sequencesOf(reloaded(count), ['a'])).toEqual(['new']);
});

test('the last 1,000 loads are remembered', () => {
  const count = new Count(0, undefined);
  for (let at = 1; at <= REMEMBERED_LOADS + 1; at++) count.load(1, `load-${at}`, 'g');
  expect(reloaded(count).load(1, 'load-2', 'g')).toBe(REMEMBERED_LOADS + 1);
  expect(reloaded(count).load(1, 'load-1', 'g')).toBe(REMEMBERED_LOADS + 2);
});

test('a header of the most that is remembered, with ids of the greatest length, stays below what is read', () => {
  const count = new Count(1_000_000, undefined);
  const id = (at: number) => `票`.repeat(194) + String(at).padStart(6, '0');
  for (let at = 0; at < REMEMBERED_IDS; at++) take(count, id(at));
  for (let at = 0; at < MAX_LOGGED; at++) take(count, id(REMEMBERED_IDS + at), MAX_LOGGED);
  expect(take(count, 'one more', MAX_LOGGED)).toBe('log full');
  expect(Buffer.byteLength(JSON.stringify(count.toWire()))).toBeLessThan(64 * MIB);
});

test('a counter that was never taken from has a header as ever', () => {
  const header = emptyHeader('visits', { kind: 'counter', permits: 1 });
  const line = new Line(header, NO_OBSERVER);
  line.apply(['add', 'k:1', 0, 3]);
  line.apply(['take', 'k:2', 0, 4, 0, 'a']);
  expect(JSON.stringify(line.header())).toBe(JSON.stringify({ ...header, value: 3 }));
});

describe('a header that is damaged is refused', () => {
  const wire: CountWire = {
    ...{ sequence: 3, trimmed: 1, loaded: 9, generation: 'g' },
    log: [
      ['a', 1, 8, 2, 0],
      ['b', 1, 7, 3, 0],
    ],
    kept: [['c', 1, 9, 1]],
    loads: [['l', 9]],
  };
  const load = (takes: unknown) =>
    new Line({ ...emptyHeader('visits', { kind: 'counter', permits: 1 }), takes }, NO_OBSERVER);

  test('and this one is not', () => {
    expect(load(wire).count?.sequence).toBe(3);
    expect(load(wire).header()).toMatchObject({ takes: wire });
  });

  test.each([
    ['a sequence that is none', { sequence: -1 }],
    ['takes beyond the last one', { sequence: 2 }],
    ['a trim beyond the last one', { trimmed: 4 }],
    ['no generation', { generation: 7 }],
    ['no log', { log: null }],
    ['a take without a time', { log: [['a', 1, 8, 2]] }],
    ['a take of nothing', { log: [['a', 0, 8, 2, 0]] }],
    ['a take without an id', { kept: [['', 1, 9, 1]] }],
    ['an id twice', { kept: [['a', 1, 9, 1]] }],
    ['takes out of their order', { log: [...wire.log].reverse() }],
    ['a load twice', { loads: [...wire.loads, ...wire.loads] }],
    ['a load that is none', { loads: ['l'] }],
  ])('%s', (_, change) => {
    expect(() => load({ ...wire, ...change })).toThrow(RangeError);
  });
});
