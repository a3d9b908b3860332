import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import lockfile from 'proper-lockfile';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DirectoryHold } from '../../lib/foreign/directory-hold.ts';
import { FlockLock } from '../../lib/foreign/flock-lock.ts';
import type { ForeignLock } from '../../lib/foreign/foreign-lock.ts';
import { ProperLockfileLock } from '../../lib/foreign/proper-lockfile-lock.ts';
import type { FlockProgram } from '../../lib/host/flock.ts';
import { LockDirectory } from '../../lib/host/lock-directory.ts';
import { Lock } from '../../lib/primitives/lock.ts';

/** The least that proper-lockfile takes. */
const LEAST_STALE_MS = 2_000;
const PERL: FlockProgram = { file: '/usr/bin/perl', isPerl: true };

let root: string;
let file: string;
let directory: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-holds-'));
  file = path.join(root, 'f');
  fs.writeFileSync(file, '{}');
  directory = `${file}.lock`;
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const isFree = (...options: string[]) => spawnSync('flock', ['-n', ...options, file, 'true']).status === 0;
const inode = () => fs.statSync(directory).ino;

/** As if nobody had refreshed the lock directory for so long. */
function age(ms: number): void {
  const at = (Date.now() - ms) / 1_000;
  fs.utimesSync(directory, at, at);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function waiters(): number {
  const { ino } = fs.statSync(file);
  const lines = fs.readFileSync('/proc/locks', 'utf8').split('\n');
  return lines.filter((line) => line.includes('-> FLOCK') && line.includes(`:${ino} `)).length;
}

describe('a lock directory', () => {
  const lock = () => new ProperLockfileLock({ 'proper-lockfile': file });

  test('is refreshed often enough for the least stale time that proper-lockfile takes', async () => {
    const hold = await lock().within(false, 0);
    const made = fs.statSync(directory).mtimeMs;
    age(LEAST_STALE_MS - 500);
    await until(() => fs.statSync(directory).mtimeMs >= made);
    expect(await lockfile.check(file, { stale: LEAST_STALE_MS })).toBe(true);
    await expect(lockfile.lock(file, { stale: LEAST_STALE_MS })).rejects.toMatchObject({ code: 'ELOCKED' });
    hold?.release();
  }, 10_000);

  test('that was taken over does not count if another program, which found the same one stale, removes it a moment later', async () => {
    fs.mkdirSync(directory);
    age(11_000);
    const wait = lock().within(false, 0);
    expect(await lockfile.check(file)).toBe(true);
    // What proper-lockfile does as it takes over what it has looked at before.
    fs.rmdirSync(directory);
    fs.mkdirSync(directory);
    const theirs = inode();
    expect([await wait, inode()]).toEqual([null, theirs]);
  });

  test('of another maker in its place is not touched: neither refreshed nor removed', () => {
    const made = LockDirectory.make(directory) as LockDirectory;
    fs.rmdirSync(directory);
    fs.mkdirSync(directory);
    const theirs = inode();
    age(5_000);
    const before = fs.statSync(directory).mtimeMs;
    made.refresh();
    expect([made.isThere(), made.remove(), inode(), fs.statSync(directory).mtimeMs]).toEqual([
      false,
      false,
      theirs,
      before,
    ]);
    const hold = new DirectoryHold(made, 'the lock', 10_000);
    hold.release();
    expect([hold.lost, inode()]).toEqual([expect.stringContaining('another program has removed'), theirs]);
  });

  test('that is lost makes its lease lost', async () => {
    const options = { store: path.join(root, 'store'), alsoLock: { 'proper-lockfile': file } };
    const lease = new Lock('n', options).acquireSync();
    fs.rmdirSync(directory);
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(lease.held).toBe(false);
    expect(() => lease.releaseSync()).toThrow(/is lost: another program has removed/);
    await lease[Symbol.asyncDispose]();
    expect((await new Lock('n', options).inspect()).entries).toEqual([]);
  });
});

test('a wait has for it what the wait in line has left of the timeout', async () => {
  const store = path.join(root, 'store');
  const asked: number[] = [];
  const foreign: ForeignLock = {
    also: { flock: 'f' },
    words: 'a lock',
    canShare: false,
    checkSystem: () => undefined,
    tryNow: () => null,
    within: async (_, timeoutMs) => {
      asked.push(timeoutMs);
      return null;
    },
  };
  const lock = Object.defineProperty(new Lock('n', { store }), 'foreign', { value: foreign });
  const before = await new Lock('n', { store }).acquire();
  const began = performance.now();
  const wait = lock.acquire({ timeout: 20_000 });
  wait.catch(() => undefined);
  await until(() => performance.now() - began > 50);
  await before.release();
  await expect(wait).rejects.toMatchObject({ foreignLock: 'a lock' });
  expect(asked).toEqual([0, expect.any(Number)]);
  expect(asked[1]).toBeLessThanOrEqual(19_950);
});

describe('a file that is locked', () => {
  const child = () => spawn('flock', [file, 'sh', '-c', 'echo in; read -r _'], { stdio: ['pipe', 'pipe', 'ignore'] });

  test('and removed by its holder is left to nobody: the one that has the name then is locked', async () => {
    const holder = child();
    await once(holder.stdout, 'data');
    const wait = new FlockLock(file).within(false, 20_000);
    await until(() => waiters() === 1);
    fs.rmSync(file);
    holder.stdin.end();
    const hold = await wait;
    expect(isFree()).toBe(false);
    hold?.release();
    expect(isFree()).toBe(true);
  });

  test('and whose descriptor was given away is unlocked for all who have it', async () => {
    const hold = new FlockLock(file).tryNow(false);
    const left = spawn('sh', ['-c', 'echo in; read -r _'], {
      stdio: ['pipe', 'pipe', 'ignore', hold?.descriptor() as number],
    });
    await once(left.stdout as Readable, 'data');
    expect(isFree()).toBe(false);
    hold?.release();
    expect(isFree()).toBe(true);
    left.stdin?.end();
    await once(left, 'exit');
  });

  test('by others: a wait that is given up leaves no waiting program', async () => {
    const holder = child();
    await once(holder.stdout, 'data');
    const controller = new AbortController();
    const wait = new FlockLock(file).within(false, 20_000, controller.signal);
    await until(() => waiters() === 1);
    controller.abort();
    expect([await wait, waiters()]).toEqual([null, 0]);
    holder.stdin.end();
    await once(holder, 'exit');
  }, 10_000);

  test.runIf(fs.existsSync(PERL.file))('by Perl, where there is no flock, is locked as well', async () => {
    const lock = new FlockLock(file, PERL);
    for (const take of [() => lock.tryNow(false), () => lock.within(false, 0)]) {
      const hold = await take();
      expect(isFree()).toBe(false);
      expect([lock.tryNow(true), await lock.within(true, 0)]).toEqual([null, null]);
      hold?.release();
      expect(isFree()).toBe(true);
    }
    const shared = lock.tryNow(true);
    expect(isFree('-s')).toBe(true);
    const wait = lock.within(false, 20_000);
    await until(() => waiters() === 1);
    shared?.release();
    const hold = await wait;
    expect([hold?.descriptor(), isFree()]).toEqual([expect.any(Number), false]);
    hold?.release();
    expect(isFree()).toBe(true);
  });

  test('cannot be where there is neither: that is said before the wait in line', () => {
    const lock = new FlockLock(file, null);
    const why = `the flock of ${file}, which other programs use, cannot be used: Node itself cannot lock so. Install flock`;
    expect(() => lock.checkSystem()).toThrow(why);
    expect(() => lock.tryNow(false)).toThrow(why);
  });
});
