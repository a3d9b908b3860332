import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, it } from 'vitest';

const run = promisify(execFile);
const DEMO = fileURLToPath(new URL('../../dist/fixtures/demos/forgetful.js', import.meta.url));
const CONTENDER = fileURLToPath(new URL('../../build/fixtures/programs/contender.js', import.meta.url));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'lockstep-deadlock-'));
});

afterEach(() => fse.remove(directory));

function start(program: string, args: string[]): Promise<{ stdout: string }> {
  const env = { ...process.env, LOCKSTEP_DIR: path.join(directory, 'store') };
  return run(process.execPath, [program, ...args], { env, timeout: 25_000, killSignal: 'SIGKILL' });
}

function evaluate(code: string): Promise<{ stdout: string }> {
  const file = path.join(path.dirname(CONTENDER), `deadlock-${process.pid}-${Date.now()}.mjs`);
  writeFileSync(
    file,
    `import fs from 'node:fs';\nimport { Lock } from 'lockstep';\nconst lock = new Lock('a');\n${code}`,
  );
  const env = { ...process.env, LOCKSTEP_DIR: path.join(directory, 'store') };
  return run(process.execPath, [file], { env, timeout: 25_000, killSignal: 'SIGKILL' }).finally(() => fse.remove(file));
}

it('a process that waits for its own lock, with nothing left to do, gets an error that names the holder', async () => {
  const { stdout } = await start(DEMO, []);
  expect(stdout).toMatch(/2: lock: a deadlock: .* Held by pid \d+ on .*forgetful\.js/);
});

it('a blocking wait for the own lock is an error, and leaves nothing in line', async () => {
  const { stdout } = await evaluate(`
    lock.acquireSync();
    try { lock.acquireSync(); } catch (error) { console.log(error.code); }
    console.log((await lock.inspect()).entries.length);`);
  expect(stdout).toBe('DEADLOCK\n1\n');
});

it('work that awaits in a way that the engine does not see is in a deadlock once the process has nothing else to do', async () => {
  const { stdout } = await evaluate(`
    await lock.withLock(async () => {
      const asked = lock.acquire();
      const settled = new Promise((resolve) => asked.then(() => resolve('in'), (error) => resolve(error.code)));
      asked.catch(() => undefined);
      const timer = setTimeout(() => console.log('busy'), 150);
      console.log(await settled);
    });`);
  expect(stdout).toBe('busy\nDEADLOCK\n');
});

it('a request that work does not await is granted after it, whatever else the process does', async () => {
  const { stdout } = await evaluate(`
    let later;
    await lock.withLock(async () => {
      later = lock.withLock(() => console.log('granted afterwards'));
      await new Promise((resolve) => setTimeout(resolve, 150));
    });
    console.log('over');
    await later;`);
  expect(stdout).toBe('over\ngranted afterwards\n');
});

it('a wait that a timer of the same process will end is no deadlock', async () => {
  const { stdout } = await evaluate(`
    const lease = await lock.acquire();
    setTimeout(() => lease.release(), 100);
    await lock.withLock(() => console.log('in'));`);
  expect(stdout).toBe('in\n');
});

it('a task that goes on in a promise’s callback will release what it has, however long the reading of a file takes', async () => {
  const { stdout } = await evaluate(`
    const { readSync } = fs;
    const lease = await lock.acquire();
    const other = lock.withLock(async () => {
      for (let turns = 0; turns < 1_000; turns++) await null;
    });
    await new Promise(setImmediate);
    // Longer than until the first look at a wait, which is over then before it has begun.
    fs.readSync = (...args) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40);
      return readSync(...args);
    };
    await lease.release();
    await lock.withLock(() => console.log('in'));
    await other;`);
  expect(stdout).toBe('in\n');
});

it('eight busy processes that have nothing but their waits never get a DeadlockError, and lose no update', async () => {
  const counter = path.join(directory, 'counter');
  writeFileSync(counter, '0');
  await Promise.all(Array.from({ length: 8 }, () => start(CONTENDER, [counter, '60'])));
  expect(readFileSync(counter, 'utf8')).toBe('480');
}, 60_000);
