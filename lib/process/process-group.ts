import { setTimeout as delay } from 'node:timers/promises';
import { isGroupRunning } from '../host/process-table.ts';

const LOOK_MS = 10;

/**
 * The processes that a daemon is made of: itself, and what it started and did not put elsewhere. A daemon
 * leads a group of its own, whose number is its pid, and which is nobody else's while one of them lives.
 *
 * On Windows there are no groups; there it is the daemon alone, and the system ends the rest with us.
 */
export class ProcessGroup {
  readonly #pid: number;
  readonly #target: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#target = process.platform === 'win32' ? pid : -pid;
  }

  /** The number to know it by. */
  get number(): number {
    return this.#pid;
  }

  /** False if none of them is left. */
  signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(this.#target, signal);
    } catch (error) {
      // EPERM: one of them runs as another user by now. It is there.
      return (error as NodeJS.ErrnoException).code !== 'ESRCH';
    }
  }

  /** SIGTERM; after `graceMs` SIGKILL. Resolves when none of them runs, or nothing more can be done. */
  async end(graceMs: number): Promise<void> {
    if (!this.signal('SIGTERM')) return;
    // One that is stopped would hear it only when it goes on.
    this.signal('SIGCONT');
    const deadline = performance.now() + graceMs;
    while (this.#isRunning()) {
      if (performance.now() >= deadline) {
        this.signal('SIGKILL');
        return;
      }
      await delay(LOOK_MS);
    }
  }

  #isRunning(): boolean {
    return process.platform === 'win32' ? this.signal(0) : isGroupRunning(this.#pid);
  }
}
