import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Spool } from '../../lib/jobs/output-spool.ts';

const MIB = 1024 * 1024;
const NOTE = /^\[lockstep: (\d+) bytes of output are left out here\]\n/m;

let root: string;
let spool: Spool;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-spool-'));
  spool = new Spool(path.join(root, 'output'), { files: nodeHost.files, mode: 0o600 });
});

afterEach(() => {
  vi.restoreAllMocks();
  spool.remove();
  fs.rmSync(root, { recursive: true, force: true });
});

/** Numbered lines of 16 bytes each. */
function lines(from: number, bytes: number): string {
  return Array.from({ length: bytes / 16 }, (_, at) => `${String(from + at).padStart(15)}\n`).join('');
}

function append(text: string): void {
  spool.append(Buffer.from(text));
}

function kept(): string {
  return Buffer.from(spool.contents).toString('latin1');
}

/** What other processes see. */
function seen(): string {
  return fs.readFileSync(spool.path, 'latin1');
}

test('an output of up to 4 MiB is kept whole, and others see it at once', () => {
  for (const text of ['one\n', '', 'two\n', 'three']) append(text);
  expect([kept(), seen(), spool.tail()]).toEqual(Array(3).fill('one\ntwo\nthree'));
  append(lines(0, 4 * MIB - 16));
  expect(kept() === `one\ntwo\nthree${lines(0, 4 * MIB - 16)}`).toBe(true);
  expect(seen() === kept()).toBe(true);
});

test('a longer one keeps its first MiB and at least its last, whole lines, and has the number of missing bytes, however often it is cut', () => {
  const size = 64 * 1024;
  const all: string[] = [];
  for (let at = 0; at < 320; at++) {
    const text = lines(at * (size / 16), size);
    all.push(text);
    append(text);
    expect(fs.statSync(spool.path).size).toBeLessThanOrEqual(4 * MIB);
  }
  const whole = all.join('');
  const [first = '', missing = '', last = ''] = kept().split(NOTE);
  expect(first.length).toBe(MIB);
  expect(last.length).toBeGreaterThanOrEqual(MIB);
  expect(whole.startsWith(first)).toBe(true);
  expect(whole.endsWith(last)).toBe(true);
  expect(first.length + Number(missing) + last.length).toBe(whole.length);
  expect(seen() === kept()).toBe(true);
});

test('however an output is cut into pieces, it keeps the same first part, and loses nothing uncounted', () => {
  const whole = lines(0, 9 * MIB);
  append(whole);
  const [first = '', missing = '', last = ''] = kept().split(NOTE);
  expect(whole.startsWith(first) && whole.endsWith(last)).toBe(true);
  expect(first.length + Number(missing) + last.length).toBe(whole.length);
  expect(seen() === kept()).toBe(true);
});

test('an output without newlines is cut at its bytes', () => {
  for (let at = 0; at < 6; at++) append('\xff'.repeat(MIB));
  const [first = '', , last = ''] = kept().split(NOTE);
  // The note begins a line of its own.
  expect(first.length).toBe(MIB + 1);
  expect(last.length).toBeGreaterThanOrEqual(MIB);
  expect(seen() === kept()).toBe(true);
});

test('a cut whose writes are all cut short keeps the same bytes as one whose writes are not', () => {
  const write = fs.writeSync;
  const short = vi.spyOn(fs, 'writeSync').mockImplementation(((...args: unknown[]) => {
    const [fd, bytes, offset = 0, length = 0, position = null] = args as [number, Buffer, number, number, number];
    return write(fd, bytes, offset, Math.max(1, Math.floor(length / 3)), position);
  }) as typeof fs.writeSync);
  append(lines(0, 5 * MIB));
  expect(short.mock.calls.length).toBeGreaterThan(32);
  expect(NOTE.test(kept())).toBe(true);
  expect(seen() === kept()).toBe(true);
});

test('on a full disk the output is kept all the same, and others see it up to there, and all of it when there is room again', () => {
  append('before\n');
  const full = vi.spyOn(fs, 'writeSync').mockReturnValue(0);
  append(lines(0, 5 * MIB));
  expect(seen()).toBe('before\n');
  full.mockRestore();
  append('after\n');
  expect(seen() === kept()).toBe(true);
  expect(kept().startsWith('before\n')).toBe(true);
  expect(spool.tail().endsWith('\nafter\n')).toBe(true);
});

test('nothing of a write that failed in its middle stays behind the end of what others see', () => {
  const write = fs.writeSync;
  const full = vi.spyOn(fs, 'writeSync').mockReturnValue(0);
  full.mockImplementationOnce(((fd: number, bytes: Buffer, offset: number, length: number, position: number) =>
    write(fd, bytes, offset, length - 16, position)) as typeof fs.writeSync);
  append(lines(0, 4 * MIB));
  full.mockRestore();
  append('after\n');
  expect(seen() === kept()).toBe(true);
  expect(kept().length).toBeLessThan(3 * MIB);
});
