import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import { ProcessTree, type ProcessTreeOptions } from '../host/process-tree.ts';
import { byDeadline } from '../time/deadline.ts';
import { type Born, born, type HeldOptions, type Work, withMark } from './birth.ts';
import { CHILD_FD, framed } from './frame.ts';
import { ProcessGroup } from './process-group.ts';
import { Reply } from './reply.ts';

/** By default these end no process; a terminal sends the first whenever its size changes. */
const ENDS_NOTHING: readonly NodeJS.Signals[] = ['SIGWINCH', 'SIGCONT'];
const isWindows = process.platform === 'win32';

type ProcessTreeTraits = Pick<ProcessTreeOptions, 'leadsGroup' | 'mark'>;

export interface ProcessExit {
  code: number | null;
  /** The signal that ended it; null if it exited. */
  signal: NodeJS.Signals | null;
}

/**
 * A child process that is born held: it exists, and does not begin its work before `go()`. In between the starter can make it
 * an owner of an entry, or record that it is there. If the starter dies before `go()`, the work never begins.
 *
 * `run`, `job`, `with`, `beat` and `Process` all start their children here, so this class alone decides what a child gets from
 * us: its streams and descriptors, its environment, its process group, and the signals that are passed on.
 */
export class HeldProcess {
  readonly pid: number;
  /** By what all that it started is found. */
  readonly traits: ProcessTreeTraits;
  readonly #child: ChildProcess;
  readonly #gate: Writable | null;
  readonly #order: Uint8Array | null;
  readonly #keepsAlive: boolean;
  readonly #group: ProcessGroup | null;
  readonly #tree: ProcessTree | null;
  readonly #exit: Promise<ProcessExit>;
  readonly #reply: Reply | null;

  private constructor({ child, gate }: Born, pid: number, work: Work, options: HeldOptions) {
    const { ends = 'process', keepsAlive = true, mark } = options;
    this.#child = child;
    this.#gate = gate;
    this.pid = pid;
    this.#order = 'order' in work ? work.order : null;
    this.#keepsAlive = keepsAlive;
    this.#group = ends === 'group' ? new ProcessGroup(pid) : null;
    const leadsGroup = ends !== 'descendants' && !isWindows;
    this.traits = { leadsGroup: leadsGroup && ends !== 'process', mark };
    this.#tree = ends === 'process' ? null : new ProcessTree(pid, this.traits);
    this.#reply = this.#order ? new Reply(child.stdio[CHILD_FD] as Duplex) : null;
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  /** @throws the system's error (rejects) if the process cannot be started */
  static async start(work: Work, options: HeldOptions = {}): Promise<HeldProcess> {
    const marked = withMark(options);
    const one = born(work, marked);
    await once(one.child, 'spawn');
    return new HeldProcess(one, one.child.pid as number, work, marked);
  }

  /** @throws the system's error, or one without its reason, which the system reports only later */
  static startNow(work: Work, options: HeldOptions = {}): HeldProcess {
    const marked = withMark(options);
    const one = born(work, marked);
    const { pid } = one.child;
    if (pid === undefined) throw new Error('the system starts no more processes, or there is no such directory');
    return new HeldProcess(one, pid, work, marked);
  }

  /** Lets the work begin. */
  go(): void {
    // A child that was killed meanwhile has closed its end of the pipe: its exit reports that, not the write.
    for (const pipe of this.#child.stdio) pipe?.on('error', () => undefined);
    if (this.#order) this.#gate?.write(framed(this.#order));
    else this.#gate?.end('\n');
    if (!this.#keepsAlive) this.#release();
  }

  /** Ends it before it has begun. */
  drop(): void {
    if (this.#gate) this.#gate.destroy();
    // Nothing has held it: it has begun.
    else this.#child.kill('SIGKILL');
  }

  /** Sends a signal: to its process group where that is what `end` ends, else to it alone. Ignored after its exit. */
  kill(signal: NodeJS.Signals): void {
    if (!ENDS_NOTHING.includes(signal)) void this.#tree?.follow(this.#exit);
    if (this.#group) this.#group.signal(signal);
    else this.#child.kill(signal);
  }

  /**
   * SIGTERM, or another signal; after `graceMs` SIGKILL. Resolves when all that it ends is gone, or nothing more can be done.
   */
  async end(graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#tree) return this.#tree.end(graceMs, signal);
    this.kill(signal);
    // A stopped process takes SIGTERM only when it goes on.
    this.kill('SIGCONT');
    await byDeadline(
      this.#exit.then(() => undefined),
      graceMs,
    );
    this.kill('SIGKILL');
    await this.#exit;
  }

  /** With `group`, `tree` and `descendants`: the pids of all that live, as far as the system shows them. */
  living(): number[] {
    return this.#tree?.living() ?? [];
  }

  /** Resolves when the process itself has ended. */
  exit(): Promise<ProcessExit> {
    return this.#exit;
  }

  /** Resolves to what a module's process has sent back, once that is whole; to null if it ended without. */
  async reply(): Promise<Buffer | null> {
    if (!this.#reply) return null;
    // The bytes that it had sent are in the pipe at its exit.
    return await this.#reply.by(this.#exit);
  }

  /** Calls back with each message that a module's process sends. Resolves when it has ended, and no more comes. */
  async messages(onMessage: (message: Buffer) => void): Promise<void> {
    await this.#reply?.each(onMessage, this.#exit);
  }

  /** Its input, where that is `pipe`; else null. */
  get stdin(): Writable | null {
    return this.#child.stdin;
  }

  /** Its output, where that is `pipe`; else null. */
  get stdout(): Readable | null {
    return this.#child.stdout;
  }

  get stderr(): Readable | null {
    return this.#child.stderr;
  }

  /** Keeps our event loop alive until its exit, or `unref()`. */
  ref(): void {
    this.#child.ref();
    this.#reply?.ref();
  }

  unref(): void {
    this.#child.unref();
    this.#reply?.unref();
  }

  /** From here on neither the process nor a pipe to it keeps us alive. */
  #release(): void {
    this.#child.unref();
    for (const pipe of this.#child.stdio) (pipe as { unref?: () => void } | null)?.unref?.();
  }
}
