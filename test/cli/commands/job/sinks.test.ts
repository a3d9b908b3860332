import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sinksOf } from '../../../../cli/commands/job/sinks.ts';
import { nodeError } from '../../../faults/node-error.ts';

let root: string;
let log: string;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-sinks-'));
  log = path.join(root, 'log');
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(root, { recursive: true, force: true });
});

test('the log has every byte, though each write to it is cut short', () => {
  const write = fs.writeSync;
  vi.spyOn(fs, 'writeSync').mockImplementation(((fd: number, bytes: Buffer, offset: number, length: number) =>
    write(fd, bytes, offset, Math.ceil(length / 2))) as typeof fs.writeSync);
  const [sink] = sinksOf({ log, verbose: false });
  for (const text of ['one\n', 'a longer line\n', 'three']) sink?.(Buffer.from(text));
  expect(fs.readFileSync(log, 'utf8')).toBe('one\na longer line\nthree');
});

test.each([
  ['takes no byte any more', () => 0, 'ENOSPC: the write was cut short'],
  [
    'is out of its quota',
    () => {
      throw nodeError('EDQUOT', 'write', 'javascript');
    },
    'EDQUOT, write',
  ],
])('a log that %s is given up with one word on stderr, and the job goes on', (_how, fails, why) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const [sink] = sinksOf({ log, verbose: false });
  vi.spyOn(fs, 'writeSync').mockImplementation(fails);
  sink?.(Buffer.from('lost'));
  sink?.(Buffer.from('lost too'));
  expect(said.mock.calls.map(([text]) => text)).toEqual([
    `lockstep: --log ${log}: cannot be written from here on: ${why}\n`,
  ]);
});
