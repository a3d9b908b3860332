import { Guardian } from './guardian.ts';

/** A child process, as the end of main's code needs it. */
export interface ManagedChild {
  readonly daemon: boolean;
  /** Ends the child, and all that it started. */
  end(): Promise<void>;
  /** Makes main wait for it. */
  await(): void;
}

/** Set in a daemon, which must not have children: if it were killed, nothing would end them. */
const DAEMON = Symbol.for('lockstep.daemon');

/**
 * The child processes of this process, which ends them or waits for them when its own code has ended.
 *
 * Children do not keep the event loop alive, so the loop runs empty when main's own code has ended. Then main ends its
 * daemons, and after that waits for its ordinary children. Any event in between (a `join` that goes on, a new child) starts
 * that over. `process.exit`, an uncaught exception and a deadly signal leave no time for it: then the guardian ends the daemons.
 */
class Children {
  readonly guardian = new Guardian();
  /** A child is in here from its start until its end; a daemon, until all that it started has ended too. */
  readonly #all = new Set<ManagedChild>();
  #watchesEnd = false;

  add(child: ManagedChild): void {
    this.#all.add(child);
    if (this.#watchesEnd) return;
    this.#watchesEnd = true;
    process.on('beforeExit', () => this.#mainEnded());
  }

  remove(child: ManagedChild): void {
    this.#all.delete(child);
  }

  all(): ManagedChild[] {
    return [...this.#all];
  }

  #mainEnded(): void {
    const daemons = this.all().filter((child) => child.daemon);
    if (daemons.length > 0) for (const daemon of daemons) void daemon.end();
    else for (const child of this.#all) child.await();
  }
}

export const children = new Children();

export function becomeDaemon(): void {
  (globalThis as Record<symbol, unknown>)[DAEMON] = true;
}

export function isDaemon(): boolean {
  return (globalThis as Record<symbol, unknown>)[DAEMON] === true;
}
