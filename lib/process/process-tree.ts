import { setTimeout as delay } from 'node:timers/promises';
import { nodeHost } from '../host/node-host.ts';
import { isGroupRunning, type ProcessRow, processTable } from '../host/process-table.ts';

const FIRST_LOOK_MS = 5;
const LAST_LOOK_MS = 100;
/** Who does not die of SIGKILL within this hangs in the kernel; nothing more can be done to it. */
const KILL_LOOKS = 40;

/**
 * A child that leads a process group, and all that descend from it: those that left its group, too.
 *
 * Who belongs to it is looked up in the kernel's table and told by pid and start time, so a pid that is used again
 * is never signalled. A descendant whose parents were all gone before the first look, a daemon, is not found; it is still
 * if it stayed in the group. Where the system shows no table, it is the group alone.
 *
 * It must be made while the child is there.
 */
export class ProcessTree {
  readonly #group: number;
  /** pid → start time of all that were ever found. */
  readonly #known = new Map<number, number>();
  readonly #start: number | undefined;

  /** `start`: when the child started, where that is known; what has this pid later is not it. */
  constructor(pid: number, start = startOf(pid)) {
    this.#group = pid;
    this.#start = start;
    if (start !== undefined) this.#known.set(pid, start);
  }

  /** SIGTERM to all of them; after `graceMs` SIGKILL to those that are left. Resolves when none is, or nothing more can be done. */
  async end(graceMs: number): Promise<void> {
    this.signal('SIGTERM');
    // One that is stopped would hear it only when it goes on.
    this.signal('SIGCONT');
    const deadline = performance.now() + graceMs;
    for (let waitMs = FIRST_LOOK_MS; this.#isThere(); waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      const restMs = deadline - performance.now();
      if (restMs <= 0) return this.#kill();
      await delay(Math.min(waitMs, restMs));
    }
  }

  signal(signal: NodeJS.Signals): void {
    const living = this.#look();
    if (living === null || this.#isOurs(living)) signalQuietly(-this.#group, signal);
    for (const { pid, group } of living ?? []) if (group !== this.#group) signalQuietly(pid, signal);
  }

  /** They may start others between a look and the signal: so more than once. */
  async #kill(): Promise<void> {
    for (let looks = 0; looks < KILL_LOOKS && this.#isThere(); looks++) {
      this.signal('SIGKILL');
      await delay(FIRST_LOOK_MS * 2);
    }
  }

  #isThere(): boolean {
    const living = this.#look();
    return living === null ? isGroupRunning(this.#group) : living.length > 0;
  }

  /** Those that live, or null if that cannot be seen. */
  #look(): ProcessRow[] | null {
    const table = this.#start === undefined ? null : processTable();
    if (table === null) return null;
    const hasGroup = this.#hasGroup(table);
    let found: boolean;
    do {
      found = false;
      for (const row of table) {
        if (this.#isKnown(row) || !(this.#isChild(row, table) || (hasGroup && row.group === this.#group))) continue;
        this.#known.set(row.pid, row.start);
        found = true;
      }
    } while (found);
    return table.filter((row) => this.#isKnown(row) && !row.zombie);
  }

  #isKnown({ pid, start }: ProcessRow): boolean {
    return this.#known.get(pid) === start;
  }

  #isChild({ parent }: ProcessRow, table: readonly ProcessRow[]): boolean {
    return this.#known.has(parent) && table.some((row) => row.pid === parent && this.#isKnown(row));
  }

  /** The group's number is free to be another's once it is empty: then that one's leader has another start time. */
  #hasGroup(table: readonly ProcessRow[]): boolean {
    return table.every((row) => row.pid !== this.#group || row.start === this.#start);
  }

  #isOurs(living: readonly ProcessRow[]): boolean {
    return living.some(({ group }) => group === this.#group);
  }
}

function startOf(pid: number): number | undefined {
  const state = nodeHost.processes.state(pid, pid);
  return typeof state === 'string' ? undefined : state.start;
}

function signalQuietly(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // Gone by now, or another user's.
  }
}
