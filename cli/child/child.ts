import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { GO_FD, heldCommand } from '../../lib/process/held-command.ts';
import { Exit, say } from '../output/exit.ts';

/** What a shell gives the two as a status. */
export const SIGNAL_BASE = 128;
const CANNOT_RUN = 126;

/** How a child differs from one that a shell would start. */
export interface ChildManner {
  /** A descriptor for its stdout and stderr, instead of ours. */
  output?: number;
  /** Whether it leads a process group of its own, in a session of its own. */
  detached?: boolean;
}

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * A child that runs a command as if the shell had: same terminal, same streams, its words unchanged.
 * It does not begin before `go()`.
 */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #exit: Promise<ChildExit>;

  private constructor(process: ChildProcess, pid: number) {
    this.#process = process;
    this.pid = pid;
    this.#exit = new Promise((resolve) => {
      process.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  /** @throws {Exit} 126 if not even a shell can be started */
  static start(words: readonly string[], extra: Record<string, string>, manner: ChildManner = {}): Promise<Child> {
    const env = { ...process.env, ...extra };
    const { output = 'inherit', detached = false } = manner;
    const child = spawn(...heldCommand(words, env), { stdio: ['inherit', output, output, 'pipe'], env, detached });
    return new Promise((resolve, reject) => {
      child.once('error', (error) => {
        say(`cannot start ${words[0]}: ${error.message}`);
        reject(new Exit(CANNOT_RUN));
      });
      child.once('spawn', () => resolve(new Child(child, child.pid ?? 0)));
    });
  }

  go(): void {
    const pipe = this.#process.stdio[GO_FD] as Writable;
    // It may have been killed already; its exit says so better than a broken pipe.
    pipe.on('error', () => undefined);
    pipe.end('\n');
  }

  /** Ends it before it has begun. */
  drop(): void {
    (this.#process.stdio[GO_FD] as Writable).destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The status a shell would show. */
  async ended(): Promise<number> {
    const { code, signal } = await this.#exit;
    return statusOf(code, signal);
  }

  exit(): Promise<ChildExit> {
    return this.#exit;
  }
}

/** What a shell would say of an end: the exit code, or 128 + the signal's number. */
export function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]);
}
