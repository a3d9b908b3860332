import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readerWatches, watchReader } from '../../lib/host/reader-watch.ts';

/** `vi.waitFor` waits for a second by default, and a busy machine may take longer. */
const PATIENT = { timeout: 20_000 };

let directory: string;
let fifo: string;
let readers: ChildProcess[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-reader-'));
  fifo = path.join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  readers = [];
});

afterEach(async () => {
  for (const reader of readers) if (reader.exitCode === null && reader.signalCode === null) reader.kill('SIGKILL');
  await vi.waitFor(() => expect(readerWatches()).toBe(0), PATIENT);
  fs.rmSync(directory, { recursive: true, force: true });
});

/** A process that has the read end open, and reads nothing. */
async function reader(): Promise<ChildProcess> {
  const open = `fs.openSync(process.argv[1], fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);`;
  const child = spawn(
    process.execPath,
    ['-e', `${open} console.log('open'); setInterval(() => undefined, 1e6);`, fifo],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  readers.push(child);
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  return child;
}

function openDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

test.each(['SIGKILL', 'SIGTERM'] as const)('%s of the last reader is reported, once, to each watch', async (signal) => {
  const [one, other] = [await reader(), await reader()];
  const gone = [vi.fn(), vi.fn()];
  for (const onGone of gone) expect(watchReader(fifo, onGone)).not.toBeNull();
  one.kill(signal);
  await once(one, 'exit');
  // Another process still has it open.
  expect(gone.map((onGone) => onGone.mock.calls.length)).toEqual([0, 0]);
  other.kill(signal);
  await vi.waitFor(() => expect(gone.map((onGone) => onGone.mock.calls.length)).toEqual([1, 1]), PATIENT);
});

test('a watch that has ended reports nothing, and has closed its file', async () => {
  const child = await reader();
  // The first watch loads modules, which open files of their own.
  watchReader(fifo, () => undefined)?.();
  await vi.waitFor(() => expect(readerWatches()).toBe(0), PATIENT);
  const before = openDescriptors();
  const onGone = vi.fn();
  const stop = watchReader(fifo, onGone);
  expect(openDescriptors()).toBe(before + 1);
  stop?.();
  await vi.waitFor(() => expect([readerWatches(), openDescriptors()]).toEqual([0, before]), PATIENT);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(onGone).not.toHaveBeenCalled();
});

test('there is no watch of what has no reader, is not there, is a link, or is no FIFO', async () => {
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, 'kept');
  const link = path.join(directory, 'link');
  fs.symlinkSync(fifo, link);
  const before = openDescriptors();
  for (const place of [fifo, path.join(directory, 'none'), file])
    expect(watchReader(place, () => undefined)).toBeNull();
  await reader();
  expect(watchReader(link, () => undefined)).toBeNull();
  expect(fs.readFileSync(file, 'utf8')).toBe('kept');
  await vi.waitFor(() => expect(openDescriptors()).toBeLessThanOrEqual(before + 1), PATIENT);
});

test('a process ends that has had a watch and ended it', async () => {
  await reader();
  const program = `
    const { watchReader } = await import(${JSON.stringify(new URL('../../dist/lib/host/reader-watch.js', import.meta.url).href)});
    watchReader(${JSON.stringify(fifo)}, () => undefined)(); console.log('ended');`;
  const started = performance.now();
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect([out, performance.now() - started < 20_000]).toEqual(['ended\n', true]);
});
