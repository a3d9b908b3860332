import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makePipe, type PipeEnds } from '../../lib/host/node-pipe.ts';

let root: string;
let ends: PipeEnds | null = null;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-pipe-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const fd of ends ? [ends.reader, ends.writer] : []) fs.closeSync(fd);
  ends = null;
  fs.rmSync(root, { recursive: true, force: true });
});

test('a pipe passes bytes on, waits for nothing, and leaves no name', () => {
  ends = makePipe([root]);
  if (!ends) throw new Error('there is no pipe');
  fs.writeSync(ends.writer, 'words');
  const buffer = Buffer.alloc(10);
  expect(fs.readSync(ends.reader, buffer)).toBe(5);
  const { reader } = ends;
  expect(() => fs.readSync(reader, buffer)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  expect(fs.fstatSync(reader).mode & 0o777).toBe(0o600);
  expect(fs.readdirSync(root)).toEqual([]);
});

test('it is made in the second place where the first is of no use, and nowhere if none is', () => {
  const gone = path.join(root, 'gone');
  ends = makePipe([gone, root]);
  expect(ends).not.toBeNull();
  expect(makePipe([gone])).toBeNull();
});

test('another file in its place gets nothing, and nothing is left open', () => {
  const open = fs.openSync;
  const before = fs.readdirSync('/proc/self/fd').length;
  vi.spyOn(fs, 'openSync').mockImplementation(((file: string, flags: number) => {
    if ((flags & fs.constants.O_WRONLY) === 0) return open(file, flags);
    fs.rmSync(file);
    fs.writeFileSync(file, '');
    return open(file, flags);
  }) as typeof fs.openSync);
  expect(makePipe([root])).toBeNull();
  expect(fs.readdirSync('/proc/self/fd')).toHaveLength(before);
  expect(fs.readdirSync(root)).toEqual([]);
});
