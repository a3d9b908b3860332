import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import { runsScript } from '../host/command-line.ts';
import { unpack } from './argument-codec.ts';
import { CHILD_WORD, loadAsChild } from './bootstrap.ts';
import { becomeDaemon } from './children.ts';
import { CHILD_FD, framed, HEAD_BYTES, lengthIn } from './frame.ts';
import { type MapService, serve } from './map-service.ts';
import { type Outcome, packOutcome } from './outcome.ts';
import type { ModuleOrder } from './target.ts';

// The first code in the process of a module. It waits for its order: if the starter dies before it has sent one, the process
// ends without having begun. The order comes through a pipe of our own, and not through Node's channel: with that,
// `process.send` of Node's own (`--watch`), of the module and of process managers would reach the starter.

const LOOK_MS = 5;

const order = deserialize(read(lengthIn(read(HEAD_BYTES)))) as ModuleOrder;
if (process.argv.at(-1) === CHILD_WORD) process.argv.pop();
void run(order);

/** Blocks until so many bytes have come: there is nothing else to do yet. */
function read(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let count = 0; count < length; ) {
    const more = readSome(bytes, count);
    if (more === 0) process.exit(1);
    count += more;
  }
  return bytes;
}

function readSome(bytes: Buffer, from: number): number {
  for (;;) {
    try {
      return fs.readSync(CHILD_FD, bytes, from, bytes.length - from, null);
    } catch (error) {
      // A runtime may have made the pipe one that does not block.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return 0;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
    }
  }
}

async function run(order: ModuleOrder): Promise<void> {
  const outcome = await outcomeOf(order);
  await send(packOutcome(outcome));
  // The caller of `map` throws it.
  if ('threw' in outcome && !order.serves) thrown(outcome.threw);
}

async function outcomeOf(order: ModuleOrder): Promise<Outcome> {
  try {
    return { returned: await call(order) };
  } catch (threw) {
    return { threw };
  }
}

async function call({ module, exported, args, daemon, serves, directory }: ModuleOrder): Promise<unknown> {
  if (daemon) becomeDaemon();
  if (directory !== null) process.chdir(directory);
  const file = fileURLToPath(module);
  runsScript(file);
  const exports = await loadAsChild(file, () => import(module) as Promise<Record<string, unknown>>);
  const work = functionIn(exports, exported);
  if (work && serves) return await serve(unpack(args) as unknown as MapService, work, send);
  if (work) return await work(...(unpack(args) as unknown[]));
  throw new TypeError(`${file} exports no function "${exported}", but: ${namesIn(exports).join(', ')}`);
}

/**
 * A module of CommonJS comes as the default export of another one. Node finds only some of its names: not those that it
 * computes, and of what TypeScript makes of `export default` only the object around it.
 */
function functionIn(exports: Record<string, unknown>, name: string): ((...args: unknown[]) => unknown) | null {
  const inner = Object(exports.default) as Record<string, unknown>;
  const candidates = [exports[name], Object.hasOwn(inner, name) ? inner[name] : undefined];
  const found = candidates.find((each) => typeof each === 'function');
  return (found as (...args: unknown[]) => unknown) ?? null;
}

function namesIn(exports: Record<string, unknown>): string[] {
  const inner = typeof exports.default === 'object' && exports.default !== null ? Object.keys(exports.default) : [];
  return [...new Set([...Object.keys(exports), ...inner])];
}

/** Not at once, but in a thread: the starter may be busy, and our own timers go on. */
async function send(bytes: Uint8Array): Promise<void> {
  const all = framed(bytes);
  try {
    for (let count = 0; count < all.length; ) count += await writeSome(all.subarray(count));
  } catch {
    // The starter is gone: there is nobody to send it to.
  }
}

function writeSome(bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(CHILD_FD, bytes, (error, count) => {
      if (!error) resolve(count);
      else if (error.code === 'EAGAIN') setTimeout(() => resolve(0), LOOK_MS);
      else reject(error);
    });
  });
}

/** Throws an error as an uncaught exception: the program's own handlers run, or its stack goes to stderr and the exit code is 1. */
function thrown(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
