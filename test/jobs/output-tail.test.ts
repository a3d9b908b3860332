import { expect, test } from 'vitest';
import { tailIn } from '../../lib/jobs/output-tail.ts';

const lines = (count: number, text = 'line') => Array.from({ length: count }, (_, at) => `${text} ${at}\n`).join('');

test('the tail of a short output is all of it', () => {
  for (const text of ['', 'x', 'x\n', lines(20)]) expect(tailIn(Buffer.from(text))).toBe(text);
});

test('the tail has the last twenty lines', () => {
  expect(tailIn(Buffer.from(lines(25)))).toBe(lines(25).split('\n').slice(5).join('\n'));
  expect(tailIn(Buffer.from(`${lines(25)}half`))).toBe(`${lines(25)}half`.split('\n').slice(6).join('\n'));
});

test('the tail has at most 4 KiB, and no half of a character', () => {
  const text = tailIn(Buffer.from(`${'x'.repeat(5_000)}${'\u{1f512}'.repeat(2_000)}y`));
  expect(text).toMatch(/^(\u{1f512})+y$/u);
  expect(Buffer.byteLength(text)).toBeGreaterThan(4 * 1024 - 8);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4 * 1024);
});

test('the tail of binary output has its end, and takes no more than 8 KiB of a record', () => {
  const escapes = tailIn(Buffer.from(`${'\x1b\0'.repeat(4_000)}end\n`));
  expect(escapes).toMatch(/end\n$/);
  for (const text of [escapes, tailIn(Buffer.alloc(9_000, 0xff)), tailIn(Buffer.alloc(9_000, 0x80))])
    expect(Buffer.byteLength(JSON.stringify(text))).toBeLessThanOrEqual(8 * 1024);
});
