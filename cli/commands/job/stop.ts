import {
  byDeadline,
  nodeHost,
  type SharedRuns,
  type StopRequest,
  StopRequestWatch,
  type StoreDirectory,
} from '../../../lib/internal.ts';
import type { RunStart } from '../../../lib/jobs/index.ts';
import { onSignal } from '../../child/signals.ts';

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
const FORWARDED: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2', 'SIGWINCH'];
const NEVER = new Promise<void>(() => undefined);

/** The reason of a run that is stopped before its own end: a signal, or another run's request. */
export class Stopped extends Error {
  readonly by: NodeJS.Signals | StopRequest;

  constructor(by: NodeJS.Signals | StopRequest) {
    super('stopped');
    this.by = by;
  }
}

/**
 * Whether this run is to stop: because of a signal, or because another run requests it. Every wait of the run ends with it.
 * The command leads a process group of its own, so signals to ours, and Ctrl-C, reach it only through this class.
 */
export class Stop {
  readonly #controller = new AbortController();
  #watch: StopRequestWatch | null = null;
  #unwatch = (): void => undefined;
  #child: { kill(signal: NodeJS.Signals): void } | null = null;
  #onLate: (() => void) | null = null;

  constructor() {
    for (const signal of ENDING) onSignal(signal, () => (this.#onLate ? this.#onLate() : this.#now(signal)));
    for (const signal of FORWARDED) onSignal(signal, () => this.#child?.kill(signal));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Watches for requests to a run, until `close()`. `shared`: those of all machines, if the store is on servers. */
  watch(directory: StoreDirectory, run: RunStart, shared: SharedRuns | null): void {
    if (shared) {
      this.#unwatch = shared.stops.watch(run, (request) => this.#now(request));
      return;
    }
    this.#watch = new StopRequestWatch(nodeHost, directory, run, (request) => this.#now(request));
    this.#watch.look();
  }

  /** Looks for a request, and throws if the run is to stop. @throws {Stopped} */
  poll(): void {
    this.#watch?.look();
    this.check();
  }

  /** Throws if the run is known to have to stop. @throws {Stopped} */
  check(): void {
    this.signal.throwIfAborted();
  }

  /** Waits, unless the run is to stop. @throws {Stopped} (rejects) */
  async pause(ms: number): Promise<void> {
    this.check();
    await byDeadline(NEVER, ms, this.signal);
    this.check();
  }

  /** Sends the signals that are the command's own business to this command; null: to none. */
  forwardTo(child: { kill(signal: NodeJS.Signals): void } | null): void {
    this.#child = child;
  }

  /** The run has ended, and only reports are left: from here on a signal calls `onLate`. */
  over(onLate: () => void): void {
    this.#onLate = onLate;
  }

  close(): void {
    this.#watch?.close();
    this.#unwatch();
  }

  /** The first reason counts. */
  #now(by: NodeJS.Signals | StopRequest): void {
    if (!this.signal.aborted) this.#controller.abort(new Stopped(by));
  }
}
