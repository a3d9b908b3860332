import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { Exit, say } from './failure.ts';

/** What a shell gives the two as a status. */
const SIGNAL_BASE = 128;
const CANNOT_RUN = 126;
const GO_FD = 3;

/**
 * Waits for a line on descriptor 3, then becomes the command: same pid, same start time. If whoever should
 * send it is gone, it never starts. Words are handed on as they are, never parsed again.
 */
const WAIT_FOR_GO = `read -r _ <&${GO_FD} || exit 125; exec "$@" ${GO_FD}<&-`;
/** A POSIX shell keeps only those variables of the environment whose names could be its own. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * A child that runs a command as if the shell had: same terminal, same streams, its words unchanged.
 * It does not begin before `go()`.
 */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #ended: Promise<number>;

  private constructor(process: ChildProcess, pid: number) {
    this.#process = process;
    this.pid = pid;
    this.#ended = new Promise((resolve) => {
      process.once('exit', (code, signal) => resolve(statusOf(code, signal)));
    });
  }

  /** @throws {Exit} 126 if not even a shell can be started */
  static start(words: readonly string[], extra: Record<string, string>): Promise<Child> {
    const env = { ...process.env, ...extra };
    const child = spawn('/bin/sh', ['-c', WAIT_FOR_GO, 'lockstep', ...wrapped(words, env)], {
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env,
    });
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

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The status a shell would show. */
  ended(): Promise<number> {
    return this.#ended;
  }
}

/** What a shell would say of an end: the exit code, or 128 + the signal's number. */
export function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]);
}

/**
 * What the shell in between would drop or misread goes round it through `env`: variables like `a.b` and
 * exported bash functions, and a command that begins with `-`, which some shells' `exec` takes for an option.
 */
function wrapped(words: readonly string[], env: NodeJS.ProcessEnv): readonly string[] {
  const odd = Object.entries(env).filter(
    ([name, value]) => !SHELL_NAME.test(name) && name !== '' && value !== undefined,
  );
  // `env` would take a command with `=` in its name for one more variable.
  if (words[0]?.includes('=') || (odd.length === 0 && !words[0]?.startsWith('-'))) return words;
  return ['/usr/bin/env', '--', ...odd.map(([name, value]) => `${name}=${value}`), ...words];
}
