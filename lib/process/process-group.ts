import { setTimeout as delay } from 'node:timers/promises';
import { nodeHost } from '../host/node-host.ts';
import { isGroupRunning } from '../host/process-table.ts';
import { countdown } from '../time/countdown.ts';

const LOOK_MS = 10;

/**
 * The process group that a child leads: the child, and all that it started and did not move to another group. The group's
 * number is the child's pid, and no other process gets that number while one of the group lives.
 *
 * Windows has no groups: there it is the child alone, and the system ends the rest with us.
 */
export class ProcessGroup {
  readonly #pid: number;
  readonly #target: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#target = process.platform === 'win32' ? pid : -pid;
  }

  /** Sends a signal to the group. Returns false if no process of it is left. */
  signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(this.#target, signal);
    } catch (error) {
      // EPERM: the group has processes, which run as another user by now.
      return (error as NodeJS.ErrnoException).code !== 'ESRCH';
    }
  }

  /** SIGTERM; after `graceMs` SIGKILL. Resolves when no process of the group runs, or SIGKILL was sent. */
  async end(graceMs: number): Promise<void> {
    if (!this.signal('SIGTERM')) return;
    // A stopped process takes SIGTERM only when it goes on.
    this.signal('SIGCONT');
    const restMs = countdown(nodeHost.clock, graceMs);
    while (this.#isRunning()) {
      if (restMs() <= 0) {
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
