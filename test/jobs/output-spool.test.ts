import { spawn } from 'node:child_process';
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
let taken: Buffer[];

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-spool-'));
  taken = [];
  const sinks = [(bytes: Uint8Array) => taken.push(Buffer.from(bytes))];
  spool = new Spool(path.join(root, 'output'), {
    files: nodeHost.files,
    mode: 0o600,
    sinks,
    latestMs: 100,
  });
});

afterEach(() => {
  spool.remove();
  fs.rmSync(root, { recursive: true, force: true });
});

/** Numbered lines of 16 bytes each. */
function lines(from: number, bytes: number): string {
  return Array.from({ length: bytes / 16 }, (_, at) => `${String(from + at).padStart(15)}\n`).join('');
}

function kept(): string {
  return Buffer.concat(Array.from(spool.contents(), (bytes) => Buffer.from(bytes))).toString();
}

test('output reaches the sinks once, in its order', () => {
  for (const text of ['one\n', '', 'two\n', 'three']) {
    fs.writeSync(spool.childFd, text);
    spool.look();
  }
  expect(Buffer.concat(taken).toString()).toBe('one\ntwo\nthree');
  expect(kept()).toBe('one\ntwo\nthree');
  expect(spool.tail()).toBe('one\ntwo\nthree');
});

test('an output of up to 4 MiB is kept whole', () => {
  const text = lines(0, 4 * MIB);
  fs.writeSync(spool.childFd, text);
  spool.look();
  expect(kept() === text).toBe(true);
});

test('a longer one keeps its first MiB and at least its last, whole lines, and has the number of missing bytes, however often it is cut', () => {
  const size = 64 * 1024;
  const all: string[] = [];
  for (let at = 0; at < 320; at++) {
    const text = lines(at * (size / 16), size);
    all.push(text);
    fs.writeSync(spool.childFd, text);
    spool.look();
    expect(fs.statSync(spool.path).size).toBeLessThanOrEqual(4 * MIB);
  }
  const whole = all.join('');
  const [first = '', missing = '', last = ''] = kept().split(NOTE);
  expect(first.length).toBe(MIB);
  expect(last.length).toBeGreaterThanOrEqual(MIB);
  expect(whole.startsWith(first)).toBe(true);
  expect(whole.endsWith(last)).toBe(true);
  expect(first.length + Number(missing) + last.length).toBe(whole.length);
  // The sinks get all of it.
  expect(Buffer.concat(taken).toString() === whole).toBe(true);
});

test('one that comes faster than it can be looked at is bounded too, and its last line is there', async () => {
  const script =
    "i=0; while [ $i -lt 40 ]; do head -c 1000000 /dev/zero | tr '\\0' x; echo; i=$((i + 1)); done; echo last";
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', spool.childFd, 'ignore'] });
  spool.follow();
  await new Promise((resolve) => child.once('exit', resolve));
  spool.end();
  expect(fs.statSync(spool.path).size).toBeLessThan(5 * MIB);
  expect(NOTE.test(kept())).toBe(true);
  expect(kept().endsWith('x\nlast\n')).toBe(true);
  expect(spool.tail().endsWith('x\nlast\n')).toBe(true);
});

test('an output without newlines is cut at its bytes', () => {
  for (let at = 0; at < 6; at++) {
    fs.writeSync(spool.childFd, 'y'.repeat(MIB));
    spool.look();
  }
  const [first = '', , last = ''] = kept().split(NOTE);
  // The note begins a line of its own.
  expect(first.length).toBe(MIB + 1);
  expect(last.length).toBeGreaterThanOrEqual(MIB);
});

test('a cut whose writes are all cut short keeps the same bytes as one whose writes are not', () => {
  const write = fs.writeSync;
  const text = lines(0, 5 * MIB);
  write(spool.childFd, text);
  // What the cut writes, not what the command prints.
  const short = vi.spyOn(fs, 'writeSync').mockImplementation(((...args: unknown[]) => {
    const [fd, bytes, offset = 0, length = 0, position = null] = args as [number, Buffer, number, number, number];
    return write(fd, bytes, offset, Math.max(1, Math.floor(length / 3)), position);
  }) as typeof fs.writeSync);
  spool.look();
  expect(short.mock.calls.length).toBeGreaterThan(32);
  short.mockRestore();
  const [first = '', missing = '', last = ''] = kept().split(NOTE);
  expect(text.startsWith(first)).toBe(true);
  expect(text.endsWith(last)).toBe(true);
  expect(first.length + Number(missing) + last.length).toBe(text.length);
});

test('a cut that fails is made at the next look', () => {
  fs.writeSync(spool.childFd, lines(0, 5 * MIB));
  const full = vi.spyOn(fs, 'writeSync').mockReturnValue(0);
  spool.look();
  expect(full).toHaveBeenCalledOnce();
  full.mockRestore();
  spool.look();
  expect(fs.statSync(spool.path).size).toBeLessThan(4 * MIB);
  expect(NOTE.test(kept())).toBe(true);
});
