import { expect, test } from 'vitest';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { emptyHeader } from '../../lib/line/config.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import type { WireFacts } from '../../lib/session/facts.ts';

const FACTS: WireFacts = [42, 42, 1000, 'boot', 4026531836, 'web1'];
const MAX_ITEMS = 65_536;
/** The most that is read of a header. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;

const made = () => new Line(emptyHeader('todo', { kind: 'queue', permits: 1 }), NO_OBSERVER);
const put = (line: Line, text: string, id?: string) =>
  line.apply(['put', 'k:1', 0, text, MAX_ITEMS, ...(id === undefined ? [] : [id])]);
const enter = (at: number): JournalRecord => ['enter', `k:${at}`, FACTS, 1, at, ''];
const headerOf = (line: Line) => JSON.parse(JSON.stringify(line.header()));

test('65,536 unfinished items are the most, those that are taken too; what is done makes room', () => {
  const line = made();
  for (let at = 0; at < MAX_ITEMS; at++) put(line, '1');
  expect(put(line, '1')).toBe('queue full');
  line.apply(enter(10));
  expect(put(line, '1')).toBe('queue exhausted');
  line.apply(['leave', 'k:2', 10, 0]);
  line.apply(enter(20));
  line.apply(['done', 'k:3', 20, 0]);
  expect(put(line, '1')).toEqual({ item: MAX_ITEMS + 1, isRepeat: false });
  expect(line.value).toBe(MAX_ITEMS);
});

test('the last 10,000 ids are remembered, also by the next epoch, and those before are not', () => {
  let line = made();
  for (let at = 1; at <= 10_001; at++) put(line, '1', `id${at}`);
  line = new Line(headerOf(line), NO_OBSERVER);
  expect(put(line, '1', 'id2')).toEqual({ item: 2, isRepeat: true });
  expect(put(line, '1', 'id1')).toEqual({ item: 10_002, isRepeat: false });
  expect(put(line, '1', 'id2')).toEqual({ item: 10_003, isRepeat: false });
});

test('a header of the most that a queue has stays below what is read, and is the same queue', () => {
  const line = made();
  for (let at = 0; at < 10_000; at++) put(line, '1', `${at}`.padStart(200, '票'));
  for (let large = 0; put(line, `"${'x'.repeat(60_000)}"`) !== 'queue exhausted'; large++)
    expect(large).toBeLessThan(400);
  while (line.value < MAX_ITEMS && put(line, '1') !== 'queue exhausted');
  const text = JSON.stringify(line.header());
  expect(Buffer.byteLength(text)).toBeGreaterThan(16 * 1024 * 1024);
  expect(Buffer.byteLength(text)).toBeLessThan(MAX_HEADER_BYTES / 2);
  expect(JSON.stringify(new Line(JSON.parse(text), NO_OBSERVER).header())).toBe(text);
});

test('a header in which entries and items do not fit together is damaged', () => {
  const line = made();
  for (const text of ['"a"', '"b"', '"c"']) put(line, text);
  line.apply(enter(10));
  line.apply(enter(20));
  const damaged = (change: (header: ReturnType<typeof headerOf>) => void) => {
    const header = headerOf(line);
    change(header);
    return () => new Line(header, NO_OBSERVER);
  };
  expect(damaged(() => undefined)).not.toThrow();
  for (const change of [
    ({ items }) => items.taken.pop(),
    ({ items }) => items.taken.push([30, 3, '"c"', 1]),
    ({ items }) => items.queued.push(items.taken[0].slice(1)),
    ({ items }) => items.queued.push([9, '"d"', 0]),
    ({ items }) => items.queued.push([2.5, '"d"', 0]),
    ({ items }) => items.queued.push([3, '', 0]),
    ({ items }) => items.puts.push(['a', 1], ['a', 2]),
    ({ items }) => items.puts.push(['', 1]),
    (header) => (header.items.sequence = -1),
    (header) => (header.items = 7),
    (header) => delete header.items,
    ({ entries }) => entries.pop(),
    // An entry that waits, though an item is queued.
    ({ entries, items }) => {
      entries[1][6] = 0;
      items.taken.pop();
    },
  ] as Array<(header: ReturnType<typeof headerOf>) => void>)
    expect(damaged(change), String(change)).toThrow(RangeError);
});
