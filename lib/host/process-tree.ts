import { countdown } from '../time/countdown.ts';
import { later } from '../time/timer.ts';
import type { Mark } from './mark.ts';
import { nodeHost } from './node-host.ts';
import { exists, hasInEnvironment, isGroupRunning, type ProcessRow, processTable } from './process-table.ts';

const FIRST_LOOK_MS = 5;
const LAST_LOOK_MS = 100;
const FOLLOW_MS = 2_000;
/** A process that survives SIGKILL for this many looks is stuck in the kernel; nothing more can be done to it. */
const KILL_LOOKS = 40;

export interface ProcessTreeOptions {
  /** The child's start time. A later process with its pid has another one. Default: as the kernel reports it. */
  start?: number | undefined;
  /** Whether the child leads a process group, which belongs to the tree. Default: true. */
  leadsGroup?: boolean;
  /** A variable that the child and no other process was given: a process that inherited it belongs to the tree. */
  mark?: Mark | undefined;
}

/**
 * A child and all its descendants, including those that left its process group, or its session.
 *
 * The members are looked up in the kernel's process table and identified by pid and start time, so a pid that is used again
 * is never signalled. A descendant whose ancestors were all gone before the first look is found by the group, if it stayed
 * in it, or by the mark, if its environment has it. Where the system shows no process table, the tree is the group alone, or
 * the child.
 *
 * It must be created while the child exists.
 */
export class ProcessTree {
  readonly #child: number;
  /** The group that the child leads; 0 if it leads none. */
  readonly #group: number;
  readonly #mark: string | undefined;
  /** pid → start time of every member that was ever found. */
  readonly #known = new Map<number, number>();
  /** The same of processes that do not have the mark. One that has it got it when it was started. */
  #unmarked = new Map<number, number>();
  readonly #start: number | undefined;
  #isFollowing = false;

  constructor(pid: number, { start = startOf(pid), leadsGroup = true, mark }: ProcessTreeOptions = {}) {
    this.#child = pid;
    this.#group = leadsGroup ? pid : 0;
    this.#mark = mark && `${mark.name}=${mark.value}`;
    this.#start = start;
    if (start !== undefined) this.#known.set(pid, start);
  }

  /**
   * A signal to all members, SIGTERM if no other is given; after `graceMs` SIGKILL to those left. Resolves when none is left,
   * or nothing more can be done.
   */
  async end(graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    // A stopped process takes SIGTERM only when it goes on.
    this.signal(signal, 'SIGCONT');
    const rest = countdown(nodeHost.clock, graceMs);
    for (let waitMs = FIRST_LOOK_MS; this.#isThere(); waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      const restMs = rest();
      if (restMs <= 0) return this.#kill();
      await pause(Math.min(waitMs, restMs));
    }
  }

  /** Sends these signals to every member, one after the other. */
  signal(...signals: readonly NodeJS.Signals[]): void {
    const living = this.#look();
    // In a container the table shows group 0 for processes whose group was made outside of it: that is no group of ours.
    const others = (living ?? [])
      .filter(({ group }) => this.#group === 0 || group !== this.#group)
      .map(({ pid }) => pid);
    const hasGroup = this.#group !== 0 && (living === null || this.#isOurs(living));
    const targets = [...(hasGroup ? [-this.#group] : []), ...others];
    if (living === null && this.#group === 0) targets.push(this.#child);
    for (const target of targets) for (const signal of signals) signalQuietly(target, signal);
  }

  /**
   * Looks which members there are now, and again until the child's end, at most for two seconds. To be called when it may end: a member
   * that has left the group, and has dropped the mark, as all do under sudo, is found only as the child of one that lives:
   *   1. the child gets a signal, and starts such a process because of it;
   *   2. the child ends;
   *   3. we look.
   */
  async follow(end: Promise<unknown>): Promise<void> {
    this.#look();
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    let isOver = false;
    void end.then(() => {
      isOver = true;
    });
    const rest = countdown(nodeHost.clock, FOLLOW_MS);
    for (let waitMs = FIRST_LOOK_MS; rest() > 0; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      await pause(waitMs, false);
      if (isOver) break;
      this.#look();
    }
    this.#isFollowing = false;
  }

  /** The pids of the members that live, as far as the system shows them. */
  living(): number[] {
    return this.#look()?.map(({ pid }) => pid) ?? (exists(this.#child) ? [this.#child] : []);
  }

  /** Repeated, because a member may start another process between a look and the signal. */
  async #kill(): Promise<void> {
    for (let looks = 0; looks < KILL_LOOKS && this.#isThere(); looks++) {
      this.signal('SIGKILL');
      await pause(FIRST_LOOK_MS * 2);
    }
  }

  #isThere(): boolean {
    // Most often one of the known members is: that is cheaper to see than a whole table.
    if ([...this.#known].some(([pid, start]) => isRunning(pid, start))) return true;
    const living = this.#look();
    if (living !== null) return living.length > 0;
    return this.#group === 0 ? exists(this.#child) : isGroupRunning(this.#group);
  }

  /** Returns the members that live, or null if the system does not show them. */
  #look(): ProcessRow[] | null {
    const table = this.#start === undefined ? null : processTable();
    if (table === null) return null;
    const hasGroup = this.#hasGroup(table);
    this.#findMarked(table);
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

  #findMarked(table: readonly ProcessRow[]): void {
    if (this.#mark === undefined) return;
    const unmarked = new Map<number, number>();
    for (const row of table) {
      const { pid, start, zombie } = row;
      if (zombie || this.#isKnown(row)) continue;
      const isMarked = this.#unmarked.get(pid) !== start && hasInEnvironment(pid, this.#mark);
      (isMarked ? this.#known : unmarked).set(pid, start);
    }
    this.#unmarked = unmarked;
  }

  #isKnown({ pid, start }: ProcessRow): boolean {
    return this.#known.get(pid) === start;
  }

  #isChild({ parent }: ProcessRow, table: readonly ProcessRow[]): boolean {
    return this.#known.has(parent) && table.some((row) => row.pid === parent && this.#isKnown(row));
  }

  /** Whether the group is still the child's. Once it is empty another group may get its number; its leader has another start time. */
  #hasGroup(table: readonly ProcessRow[]): boolean {
    return this.#group !== 0 && table.every((row) => row.pid !== this.#group || row.start === this.#start);
  }

  #isOurs(living: readonly ProcessRow[]): boolean {
    return living.some(({ group }) => group === this.#group);
  }
}

function startOf(pid: number): number | undefined {
  const state = nodeHost.processes.state(pid, pid);
  return typeof state === 'string' ? undefined : state.start;
}

function isRunning(pid: number, start: number): boolean {
  const state = nodeHost.processes.state(pid, pid);
  return typeof state !== 'string' && state.start === start && !state.zombie;
}

function signalQuietly(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // The process is gone, or another user's.
  }
}

/** Not `node:timers/promises`, which a start would load for a wait that few commands need. */
function pause(ms: number, keepAlive = true): Promise<void> {
  return new Promise((resolve) => void later(ms, resolve, keepAlive));
}
