import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex, Writable } from 'node:stream';
import { isMark } from '../host/mark.ts';
import { nodeHost } from '../host/node-host.ts';
import { later } from '../time/timer.ts';
import { GUARDIAN_SCRIPT } from './guardian-script.ts';

/** A watcher that ended sooner than this after its start is not started again at once. */
const CALM_MS = 1_000;
const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 1_000;

/**
 * Starts the second one: it leads no group, is no child of ours, and has another name, so that nothing that ends our
 * process tree, or the guardian by its name, ends it as well. It reads from descriptor 3.
 */
const SECOND = `/bin/sh -c "$1" lockstep-reserve "$2" <&3 3<&- &`;

export interface WatcherOptions {
  /** `first` acts at our end; `second` does if the first one is gone then. */
  role: 'first' | 'second';
  /** The name of the variable that marks daemons; `-` for none. */
  mark: string;
  /** Called for each new process of it, which knows nothing yet. */
  onStart: () => void;
  /** Whether it must be started again when it has ended. */
  isNeeded: () => boolean;
}

/** One of the two shells that wait for our end (`guardian.ts`). It is started again when it has ended. */
export class Watcher {
  readonly #options: WatcherOptions;
  #process: ChildProcess | null = null;
  #pipe: Writable | null = null;
  #startedAt = 0;
  #pauseMs = 0;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /**
   * Starts it, unless it runs.
   *
   * @throws an error if it cannot be started
   */
  start(): void {
    if (this.#process) return;
    const { role, mark } = this.#options;
    const isFirst = role === 'first';
    const words = isFirst ? [GUARDIAN_SCRIPT, 'lockstep-guardian', mark] : [SECOND, 'sh', GUARDIAN_SCRIPT, mark];
    const child = spawn('/bin/sh', ['-c', ...words], {
      cwd: '/',
      detached: true,
      // If we are a daemon ourselves: else what ends the processes with our mark would end it before its work is done.
      env: withoutMarks(process.env),
      stdio: isFirst ? ['pipe', 'ignore', 'ignore'] : ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    // The reason of a failure to start comes as a later event; that it failed is known now.
    child.on('error', () => undefined);
    if (child.pid === undefined) throw new Error('/bin/sh could not be started');
    this.#process = child;
    this.#startedAt = nodeHost.clock.monotonicMs();
    this.#listen(child, (isFirst ? child.stdin : child.stdio[3]) as Duplex);
    this.#options.onStart();
  }

  /** The line is in its pipe when this returns: a short write into an empty pipe is done at once, not in a later turn. */
  send(line: string): void {
    this.#pipe?.write(line);
  }

  #listen(child: ChildProcess, pipe: Duplex & { unref?: () => void }): void {
    this.#pipe = pipe;
    // It may be killed at any time: its end reports that, not a broken pipe.
    pipe.on('error', () => undefined);
    const ended = () => this.#ended(child);
    if (this.#options.role === 'first') child.on('exit', ended);
    // The process that we started ends at once. The one that it started is the last to have the pipe.
    else pipe.on('close', ended).resume();
    // Neither must keep the program alive.
    pipe.unref?.();
    child.unref();
  }

  #ended(child: ChildProcess): void {
    if (this.#process !== child) return;
    this.#process = null;
    this.#pipe = null;
    const isCalm = nodeHost.clock.monotonicMs() - this.#startedAt >= CALM_MS;
    this.#pauseMs = isCalm ? 0 : Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LAST_PAUSE_MS);
    if (isCalm) this.#startAgain();
    else later(this.#pauseMs, () => this.#startAgain(), false);
  }

  #startAgain(): void {
    if (this.#process || !this.#options.isNeeded()) return;
    try {
      this.start();
    } catch {
      // The system starts no more processes now: perhaps later.
      later(LAST_PAUSE_MS, () => this.#startAgain(), false);
    }
  }
}

function withoutMarks(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isMark(name)));
}
