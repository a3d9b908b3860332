import { constants } from 'node:os';
import { byDeadline } from '../time/deadline.ts';
import { children, type ManagedChild } from './children.ts';
import type { HeldProcess, ProcessExit } from './held-process.ts';

/**
 * A child that a `Process` has started. It is one of this process's children until its end; a daemon, until all that it
 * started has ended too.
 */
export class StartedChild implements ManagedChild {
  readonly held: HeldProcess;
  readonly daemon: boolean;
  /** Resolves when the process has ended, and `exitCode` is set. */
  readonly ended: Promise<void>;
  readonly #graceMs: number;
  #exitCode: number | null = null;
  #ending: Promise<void> | null = null;
  #waits = 0;

  constructor(held: HeldProcess, { daemon, graceMs }: { daemon: boolean; graceMs: number }) {
    this.held = held;
    this.daemon = daemon;
    this.#graceMs = graceMs;
    this.ended = held.exit().then((exit) => this.#onExit(exit));
    children.add(this);
  }

  /** −n if signal n ended the process; null before its end was noticed by the event loop. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** Ends the process; a daemon with its group, or what it left behind in that. */
  end(): Promise<void> {
    if (!this.daemon) return this.held.end(this.#graceMs);
    this.#ending ??= this.#endGroup();
    return this.#ending;
  }

  await(): void {
    this.held.ref();
  }

  /** Waits for a promise that does not reject. Main's code has not ended meanwhile. @throws the signal's reason (rejects) */
  async wait(settled: Promise<void>, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#waits += 1;
    this.held.ref();
    try {
      await byDeadline(settled, timeoutMs, signal);
    } finally {
      this.#waits -= 1;
      if (this.#waits === 0) this.held.unref();
    }
  }

  #onExit({ code, signal }: ProcessExit): void {
    this.#exitCode = code ?? -(signal === null ? 0 : constants.signals[signal]);
    if (this.daemon) void this.end();
    else children.remove(this);
  }

  async #endGroup(): Promise<void> {
    await this.held.end(this.#graceMs);
    children.guardian.leave(this.held.pid);
    // Main stays until it has the exit code; a child whose end nobody collects stays a zombie.
    this.held.ref();
    await this.ended;
    children.remove(this);
  }
}
