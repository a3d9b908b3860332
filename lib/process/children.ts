import { Guardian } from './guardian.ts';

/** What main's end asks of a child process. */
export interface ManagedChild {
  readonly daemon: boolean;
  /** Ends it, and all that it started. */
  end(): Promise<void>;
  /** Makes main stay for it. */
  await(): void;
}

/** Set in a daemon: it must not have children, for nobody would end them if it is killed. */
const DAEMON = Symbol.for('lockstep.daemon');

/**
 * The child processes of this process, and what becomes of them when its own code has ended.
 *
 * Children do not keep the event loop alive, so it runs empty when main's own code has ended. Then the
 * daemons are ended; then the ordinary children are waited for. Anything that happens meanwhile (a `join`
 * that goes on, a new child) starts that over. `process.exit`, an uncaught exception and a deadly signal
 * leave no time for it: the guardian ends the daemons then.
 */
class Children {
  readonly guardian = new Guardian();
  /** From their start until they have ended; a daemon, until what it started has ended too. */
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
