import { expect, test } from 'vitest';
import { MAX_LINE_BYTES, PrefixedLines } from '../../../../cli/commands/with/prefixed-lines.ts';

/** What becomes of an output that comes in these pieces. */
function prefixed(...pieces: Array<string | Buffer>): Buffer {
  const lines = new PrefixedLines('x | ');
  const passed = pieces.map((piece) => lines.of(typeof piece === 'string' ? Buffer.from(piece) : piece));
  return Buffer.concat([...passed, lines.end()]);
}

test.each([
  ['one\ntwo\n', 'x | one\nx | two\n'],
  ['\n\n', 'x | \nx | \n'],
  ['unended', 'x | unended\n'],
  ['', ''],
  ['dos\r\nfile\r\n', 'x | dos\r\nx | file\r\n'],
  ['10%\r20%\r', 'x | 10%\r\nx | 20%\r\n'],
  ['a\r\r\nb', 'x | a\r\nx | \r\nx | b\n'],
])('each line of %j has the label, whatever ends it, in whichever pieces it comes', (text, expected) => {
  expect(prefixed(text).toString()).toBe(expected);
  expect(prefixed(...text).toString()).toBe(expected);
});

test('a line of a progress bar is passed on as it comes', () => {
  const lines = new PrefixedLines('x | ');
  expect(lines.of(Buffer.from('10%\r')).toString()).toBe('x | 10%\r\n');
});

test('bytes that are no text pass unchanged, in whichever pieces they come', () => {
  const binary = Buffer.from([0xff, 0xfe, 0, 0xe2, 0x82, 0xac, 0xe2, 0x82, 0x1b, 0x80]);
  const expected = Buffer.concat([Buffer.from('x | '), binary, Buffer.from('\n')]);
  expect(prefixed(binary)).toEqual(expected);
  expect(prefixed(...Array.from(binary, (byte) => Buffer.from([byte])))).toEqual(expected);
});

test('a line without an end is passed on in parts of at most 64 KiB, none of which splits a character, and no byte is lost', () => {
  const lines = new PrefixedLines('x | ');
  const chunk = Buffer.from(`${'\u20ac'.repeat(10_000)}y`);
  const passed: Buffer[] = [];
  for (let at = 0; at < 100; at++) passed.push(lines.of(chunk));
  const left = lines.end();
  expect(left.length).toBeLessThanOrEqual(MAX_LINE_BYTES + 'x | \n'.length);
  const parts = Buffer.concat([...passed, left])
    .toString('utf8')
    .slice(0, -1)
    .split('\n');
  expect(parts.every((part) => part.startsWith('x | ') && Buffer.byteLength(part) <= MAX_LINE_BYTES + 4)).toBe(true);
  expect(parts.map((part) => part.slice(4)).join('') === chunk.toString().repeat(100)).toBe(true);
});

test('so is a long line that has an end', () => {
  const parts = prefixed(`${'y'.repeat(3 * MAX_LINE_BYTES)}\nz\n`)
    .toString()
    .split('\n');
  expect(parts.map(({ length }) => length)).toEqual([...Array(3).fill(MAX_LINE_BYTES + 4), 5, 0]);
});
