import type { Host } from '../../host/host.ts';
import { ProcessTree } from '../../host/process-tree.ts';
import type { KeeperOrder } from './keeper-order.ts';

/** The part of the rest of a lease that a command has to end by itself, before it is killed. */
const GRACE_PART = 0.5;

/** Ends the command of an order, and all that it started, before its entry can end. For a process that did not start it. */
export class CommandEnd {
  readonly #tree: ProcessTree | null;
  readonly isRunning: () => boolean;

  /** To be made while the command lives. */
  constructor({ processes }: Pick<Host, 'processes'>, { command, owner: [, facts] }: KeeperOrder) {
    const [pid, tid, start] = facts;
    this.#tree = command && new ProcessTree(pid, { ...command, start });
    this.isRunning = () => {
      const state = processes.state(pid, tid);
      return state === 'unknown' || (state !== 'gone' && state.start === start && !state.zombie);
    };
  }

  /** If it runs: what it left running when it ended by itself needs no lock any more. SIGTERM, then SIGKILL, before a lease ends. */
  within({ endsInMs }: { readonly endsInMs: number }): Promise<void> | undefined {
    return this.isRunning() ? this.after(endsInMs * GRACE_PART) : undefined;
  }

  async after(graceMs: number): Promise<void> {
    await this.#tree?.end(graceMs);
  }
}
