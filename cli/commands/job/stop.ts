import type { StopRequest } from '../../../lib/jobs/stop-request.ts';
import type { Child } from '../../child/child.ts';
import { statusOf } from '../../child/child.ts';

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
const FORWARDED: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2', 'SIGWINCH'];

/** Why a run ends before it would have: somebody wants it to. */
export class Stopped extends Error {
  readonly by: NodeJS.Signals | StopRequest;

  constructor(by: NodeJS.Signals | StopRequest) {
    super('stopped');
    this.by = by;
  }
}

/** What a shell says of one that was ended by a signal. */
export function codeOfStop({ by }: Stopped, began: boolean, notBegunCode: number): number {
  if (typeof by === 'string') return statusOf(null, by);
  return began ? statusOf(null, 'SIGTERM') : notBegunCode;
}

/**
 * Whether this run is to end: a signal came, or another run asks for it. Whoever waits for something waits for this too.
 * The command leads a group of its own, so no signal to ours, and no Ctrl-C, reaches it but by us.
 */
export class Stop {
  readonly #controller = new AbortController();
  #child: Child | null = null;
  #onLate: (() => void) | null = null;

  constructor() {
    for (const signal of ENDING) process.on(signal, () => (this.#onLate ? this.#onLate() : this.now(signal)));
    for (const signal of FORWARDED) process.on(signal, () => this.#child?.kill(signal));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The run has ended, and is only told of: a signal then does this. */
  over(onLate: () => void): void {
    this.#onLate = onLate;
  }

  /** The first one counts. */
  now(by: NodeJS.Signals | StopRequest): void {
    if (!this.signal.aborted) this.#controller.abort(new Stopped(by));
  }

  /** @throws {Stopped} */
  check(): void {
    this.signal.throwIfAborted();
  }

  /** Signals that mean something to a command of its own are for this one. */
  forwardTo(child: Child | null): void {
    this.#child = child;
  }

  /**
   * Waits, unless it is to end.
   *
   * @throws {Stopped} (rejects)
   */
  async duringWait(start: (over: () => void) => () => void): Promise<void> {
    this.check();
    await new Promise<void>((resolve, reject) => {
      const cancel = start(() => {
        this.signal.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        cancel();
        reject(this.signal.reason);
      };
      this.signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
