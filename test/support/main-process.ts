import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParentAnswer, ParentOrder } from '../../fixtures/programs/parent.ts';
import { isAlive } from './cli-rig.ts';
import { type End, until } from './process-rig.ts';

const PARENT = fileURLToPath(new URL('../../build/fixtures/programs/parent.js', import.meta.url));

/** A directory for one test: the log to which children report, and the gate that lets them end. */
export class Yard {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-children-'));
  readonly log = path.join(this.root, 'log');
  readonly gate = path.join(this.root, 'gate');
  readonly store = path.join(this.root, 'store');
  readonly #mains: MainProcess[] = [];

  async main(): Promise<MainProcess> {
    const main = new MainProcess();
    this.#mains.push(main);
    await main.ready;
    return main;
  }

  open(): void {
    fs.writeFileSync(this.gate, '');
  }

  lines(): string[] {
    return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8').split('\n').slice(0, -1) : [];
  }

  /** Resolves to the log line that matches, once a child has written it. */
  async says(pattern: RegExp): Promise<string> {
    let found: string | undefined;
    await until(`${pattern} is said`, () => {
      found = this.lines().find((line) => pattern.test(line));
      return found !== undefined;
    });
    return found as string;
  }

  /** Resolves to the pid at the end of that line. */
  async pidOf(pattern: RegExp): Promise<number> {
    return Number((await this.says(pattern)).split(' ').at(-1));
  }

  async stop(): Promise<void> {
    this.open();
    for (const main of this.#mains) main.child.kill('SIGKILL');
    await Promise.all(this.#mains.map((main) => main.ended));
    fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }
}

/** A main process that a test commands. */
export class MainProcess {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<End & { stdout: string; stderr: string }>;
  readonly #answers = new Map<number, { resolve: (answer: ParentAnswer) => void; reject: (error: Error) => void }>();
  #orders = 0;

  constructor() {
    this.child = spawn(process.execPath, [PARENT], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      this.child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    this.ready = new Promise((resolve) => {
      this.child.on('message', (message) => (message === 'ready' ? resolve() : this.#hear(message)));
    });
    // Only `close` shows that no process has its streams open any more, not even a child of its own.
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        for (const { reject } of this.#answers.values()) reject(new Error('main ended before it answered'));
        resolve({ code, signal, ...output });
      });
    });
  }

  /** Resolves to the answer; rejects with the failure, or if main ends before it answers. */
  ask(order: ParentOrder): Promise<ParentAnswer> {
    this.#orders += 1;
    const number = this.#orders;
    const answer = new Promise<ParentAnswer>((resolve, reject) => this.#answers.set(number, { resolve, reject }));
    answer.catch(() => undefined);
    this.child.send({ number, order }, () => undefined);
    return answer;
  }

  #hear(message: unknown): void {
    const { number, answer, failed } = message as { number: number; answer: ParentAnswer; failed?: string };
    const waiting = this.#answers.get(number);
    this.#answers.delete(number);
    if (failed === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(failed));
  }
}

/** Resolves when none of them runs any more, to the elapsed time in ms. */
export async function gone(...pids: number[]): Promise<number> {
  const from = performance.now();
  await until(`${pids} are gone`, () => !pids.some(isAlive));
  return performance.now() - from;
}
