import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Lifelines } from '../../lib/session/lifeline.ts';

let directory: string;
const ends: Array<() => void> = [];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-lifeline-'));
});

afterEach(() => {
  for (const end of ends.splice(0)) end();
  fs.rmSync(directory, { recursive: true });
});

function lifelines(host = nodeHost): Lifelines {
  return new Lifelines({ host, directory, store: { fileMode: 0o600, directoryMode: 0o700 } });
}

/** Holds a lifeline in a process of its own, started by `command`; resolves when it is held. */
async function holder(
  name: string,
  command: readonly string[] = [],
): Promise<{ end: (signal: NodeJS.Signals) => Promise<void> }> {
  const program = `
    const fs = require('node:fs');
    fs.openSync(${JSON.stringify(path.join(directory, name))}, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    fs.writeSync(1, 'held');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
  const [file = '', ...args] = [...command, process.execPath, '-e', program];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  ends.push(() => child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    async end(signal) {
      child.kill(signal);
      if (signal === 'SIGKILL') await exit;
    },
  };
}

function make(name: string): void {
  fs.closeSync(nodeHost.files.makeFifo(path.join(directory, name), 0o600) as number);
}

test('a lifeline is held from the moment at which it has its name, and free once it is released', () => {
  const lines = lifelines();
  const fd = lines.hold('7-key.life') as number;
  expect(lines.grip('7-key.life')).toBe('held');
  expect(fs.statSync(path.join(directory, '7-key.life')).mode & 0o777).toBe(0o600);
  lines.release('7-key.life', fd, true);
  expect(lines.grip('7-key.life')).toBe('free');
});

test('one that is not kept is the next session’s, which makes none of its own', () => {
  const lines = lifelines();
  const fd = lines.hold('7-key.life') as number;
  const { ino } = fs.statSync(path.join(directory, '7-key.life'));
  lines.release('7-key.life', fd, false);
  expect(lines.grip('7-key.life')).toBe('unknown');
  const next = lines.hold('8-key.life') as number;
  expect(fs.statSync(path.join(directory, '8-key.life')).ino).toBe(ino);
  fs.closeSync(next);
});

test('a spare that some process still holds is not used: it would keep its next session alive for ever', async () => {
  fs.mkdirSync(path.join(directory, 'spare'));
  make('spare/x');
  await holder('spare/x');
  const fd = lifelines().hold('8-key.life') as number;
  expect(fs.readdirSync(path.join(directory, 'spare'))).toEqual([]);
  fs.closeSync(fd);
  expect(lifelines().grip('8-key.life')).toBe('free');
});

test('what is no FIFO proves nothing, and is not changed', () => {
  fs.writeFileSync(path.join(directory, 'file'), 'text');
  fs.mkdirSync(path.join(directory, 'directory'));
  make('fifo');
  fs.symlinkSync('fifo', path.join(directory, 'link'));
  for (const name of ['file', 'directory', 'link', 'absent']) expect(lifelines().grip(name)).toBe('unknown');
  expect(fs.readFileSync(path.join(directory, 'file'), 'utf8')).toBe('text');
});

test('where none can be made there is none, and no leftover', () => {
  const host = { ...nodeHost, files: { ...nodeHost.files, makeFifo: () => null } };
  expect(lifelines(host).hold('7-key.life')).toBeNull();
  expect(fs.readdirSync(directory)).toEqual([]);
});

test('at no call that makes a lifeline has it its name and no reader', () => {
  const first = lifelines();
  first.release('6-key.life', first.hold('6-key.life') as number, false);
  const name = `${process.pid}-key.life`;
  const seen: boolean[] = [];
  const look = () => {
    const file = path.join(directory, name);
    if (fs.existsSync(file)) seen.push(nodeHost.files.hasReader(file) === true);
  };
  const files = Object.entries(nodeHost.files).map(([kind, call]) => {
    const looking = (...args: unknown[]) => {
      look();
      const result = (call as (...args: unknown[]) => unknown)(...args);
      look();
      return result;
    };
    return [kind, looking] as const;
  });
  const host = { ...nodeHost, files: Object.fromEntries(files) as unknown as typeof nodeHost.files };
  const lines = lifelines(host);
  fs.closeSync(lines.hold(name) as number);
  fs.rmSync(path.join(directory, name));
  // The second one finds no spare, and is made.
  fs.closeSync(lines.hold(name) as number);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen).not.toContain(false);
});

test('at most 32 spares are kept', () => {
  const lines = lifelines();
  const names = Array.from({ length: 34 }, (_, at) => `${at}-key.life`);
  const held = names.map((name) => [name, lines.hold(name) as number] as const);
  for (const [name, fd] of held) lines.release(name, fd, false);
  expect(fs.readdirSync(path.join(directory, 'spare'))).toHaveLength(32);
  expect(fs.readdirSync(directory)).toEqual(['spare']);
});

const canUnshare = process.getuid?.() === 0 && process.platform === 'linux';

test.runIf(canUnshare).each([
  ['in this namespace', []],
  [
    'in another pid and time namespace',
    ['unshare', '--pid', '--time', '--boottime', '1000', '--fork', '--kill-child', '--mount-proc'],
  ],
])('a holder %s that is stopped and blocks its loop is alive; killed, it is dead at once', async (_, command) => {
  make('7-key.life');
  const { end } = await holder('7-key.life', command);
  expect(lifelines().grip('7-key.life')).toBe('held');
  await end('SIGSTOP');
  expect(lifelines().grip('7-key.life')).toBe('held');
  await end('SIGKILL');
  await expect.poll(() => lifelines().grip('7-key.life'), { timeout: 20_000 }).toBe('free');
});
