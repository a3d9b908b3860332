import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'rolldown';
import { Violation } from '../invariants.ts';
import { type Life, MEMORY_BYTES, type Reply, type Request, RUNS_TURN, Wire } from './wire.ts';

/** A step of the library takes microseconds. Whoever makes no call for as long hangs. */
const PATIENCE_MS = 20_000;

/** Threads in which simulated processes live, one after the other. */
export class Threads {
  readonly #directory: string;
  readonly #program: string;
  readonly #idle: Thread[] = [];
  readonly #all: Thread[] = [];

  private constructor(directory: string, program: string) {
    this.#directory = directory;
    this.#program = program;
  }

  /** The library is built anew, from its sources: threads know nothing of TypeScript. */
  static async open(): Promise<Threads> {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-threads-'));
    const program = path.join(directory, 'thread.mjs');
    const input = fileURLToPath(new URL('thread-main.ts', import.meta.url));
    await build({ input, platform: 'node', logLevel: 'warn', output: { file: program, format: 'esm' } });
    return new Threads(directory, program);
  }

  take(): Thread {
    const idle = this.#idle.pop();
    if (idle) return idle;
    const thread = new Thread(this.#program);
    this.#all.push(thread);
    return thread;
  }

  /** Only for a thread whose life is over. */
  giveBack(thread: Thread): void {
    if (!thread.hangs) this.#idle.push(thread);
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((thread) => thread.end()));
    fs.rmSync(this.#directory, { recursive: true });
  }
}

export class Thread {
  readonly #worker: Worker;
  readonly #wire: Wire;
  hangs = false;

  constructor(program: string) {
    const memory = new SharedArrayBuffer(MEMORY_BYTES);
    this.#wire = new Wire(memory, RUNS_TURN);
    this.#worker = new Worker(program, { workerData: memory, execArgv: [] });
    this.#worker.unref();
  }

  start(life: Life): Request {
    return this.#ask({ do: 'start', life });
  }

  goOn(value: unknown, error: string): Request {
    return this.#ask({ do: 'goOn', value, error });
  }

  /** Its thread is free for another one afterwards. */
  die(): void {
    if (!this.hangs) this.#ask({ do: 'die' });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(reply: Reply): Request {
    this.#wire.say(reply);
    const request = this.#wire.hear(PATIENCE_MS) as Request | null;
    if (request) return request;
    this.hangs = true;
    throw new Violation(`it has made no call for ${PATIENCE_MS} ms`);
  }
}
