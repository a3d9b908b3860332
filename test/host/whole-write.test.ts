import { expect, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { writeAtOnce, writeWhole } from '../../lib/host/whole-write.ts';

const BYTES = Buffer.from('a record that is longer than one write takes');

test('a file of its own is written to its end, whatever the counts', () => {
  for (let most = 1; most <= BYTES.length; most++) {
    const taken: Buffer[] = [];
    writeWhole(BYTES, (rest, done) => {
      expect(Buffer.concat(taken)).toHaveLength(done);
      taken.push(Buffer.from(rest.subarray(0, most)));
      return Math.min(most, rest.length);
    });
    expect(Buffer.concat(taken).toString()).toBe(BYTES.toString());
  }
});

test('a write that takes nothing any more is a full disk, not an endless loop', () => {
  let calls = 0;
  const write = () => (++calls === 1 ? 5 : 0);
  expect(() => writeWhole(BYTES, write)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(calls).toBe(2);
});

test('a record in a file of many is written whole or not at all: the second try begins anew', () => {
  const lengths: number[] = [];
  const counts = [7, BYTES.length, 7, 7];
  const files = {
    ...nodeHost.files,
    write: (_fd: number, _bytes: Uint8Array, length: number) => {
      lengths.push(length);
      return counts.shift() ?? 0;
    },
  };
  writeAtOnce(files, 3, BYTES);
  expect(lengths).toEqual([BYTES.length, BYTES.length]);
  expect(() => writeAtOnce(files, 3, BYTES)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
});
