import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import { serialize } from 'node:v8';
import { byDeadline } from '../time/deadline.ts';
import { CHILD_FD, framed } from './frame.ts';
import { type HeldCommand, heldCommand, type Inherited } from './held-command.ts';
import { type Mark, newMark } from './mark.ts';
import { startModule } from './module-process.ts';
import { ProcessGroup } from './process-group.ts';
import { ProcessTree } from './process-tree.ts';
import { Reply } from './reply.ts';
import type { ModuleOrder } from './target.ts';
import type { Undecoded } from './undecoded.ts';

/** Beyond the descriptors that scripts and shells use. */
const FIRST_LIFELINE_FD = 62;
/** By default these end no process; a terminal sends the first whenever its size changes. */
const ENDS_NOTHING: readonly NodeJS.Signals[] = ['SIGWINCH', 'SIGCONT'];
const isWindows = process.platform === 'win32';

/** The work of the process once it may begin: become a command, or call a module's function. */
export type Work = { command: readonly string[] } | { order: ModuleOrder };

type Output = 'inherit' | 'pipe' | 'ignore' | number;

export interface HeldOptions {
  /** Default: ours. */
  cwd?: string | undefined;
  /** Default: ours. */
  env?: NodeJS.ProcessEnv;
  /** The parts of a command and its environment that Node has no strings for; the command is the end of our own arguments. */
  undecoded?: Undecoded | undefined;
  /** What a command is handed on from our own parent. Default: nothing. */
  inherited?: Inherited | undefined;
  /** Its standard input: ours (default), empty, or to be written here. That of a module is always empty. */
  input?: 'inherit' | 'ignore' | 'pipe';
  /** A descriptor of ours that it inherits, and does not use. */
  lifeline?: number | undefined;
  /** Called when the command, and all that inherited from it, have closed the lifeline, as some programs do at their start. */
  onLifelineClosed?: () => void;
  /** Its stdout and stderr: ours (default), to be read here, nowhere, or into this descriptor. */
  output?: Output;
  /** Its stderr, where that is to be another one than its stdout. */
  errors?: Output;
  /**
   * The extent of `end`: the process alone (default), its descendants and its process group (`group`, `tree`), or its
   * descendants, which stay in our group and at our terminal (`descendants`). With `group` and `tree` it leads a group and
   * a session of its own; with `group`, `kill` is for the whole group. On Windows, which has none of these, it is the
   * process alone.
   */
  ends?: 'process' | 'group' | 'tree' | 'descendants';
  /** What its descendants are found by when their ancestors are gone. Default: none; with `descendants`, one of its own. */
  mark?: Mark | undefined;
  /** Whether it keeps our event loop alive when it has begun. Default: true. */
  keepsAlive?: boolean;
}

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
  readonly #child: ChildProcess;
  /** What is written into it lets the work begin; null where nothing holds it. */
  readonly #gate: Writable | null;
  readonly #order: ModuleOrder | null;
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
    this.#tree = ends === 'process' ? null : new ProcessTree(pid, { leadsGroup, mark });
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
    if (this.#order) this.#gate?.write(framed(serialize(this.#order)));
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
    // What it had sent is in the pipe at its exit.
    return await this.#reply.by(this.#exit);
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

function withMark(options: HeldOptions): HeldOptions {
  const mark = options.mark ?? (options.ends === 'descendants' || options.ends === 'tree' ? newMark() : undefined);
  return mark ? { ...options, mark, env: { ...(options.env ?? process.env), [mark.name]: mark.value } } : options;
}

interface Born {
  child: ChildProcess;
  gate: Writable | null;
}

function born(work: Work, options: HeldOptions): Born {
  const one = 'order' in work ? bornOfModule(options) : bornHeld(work.command, options);
  // A signal that it must not get is no reason for us to end. `start` reports the failure to start.
  one.child.on('error', () => undefined);
  return one;
}

function bornOfModule(options: HeldOptions): Born {
  const child = startModule(options.output ?? 'inherit', settingsOf(options));
  return { child, gate: child.stdio[CHILD_FD] as Writable | null };
}

function settingsOf({ cwd, env = process.env, ends = 'process' }: HeldOptions) {
  return { cwd, env, detached: (ends === 'group' || ends === 'tree') && !isWindows };
}

function bornHeld(command: readonly string[], options: HeldOptions): Born {
  const held = heldOrNot(command, options);
  const { stdio, noticeFd } = streamsOf(options, held.goFd);
  const settings = settingsOf(options);
  const child = spawn(held.file, held.args, { ...settings, env: { ...settings.env, ...held.env }, stdio });
  const notice = noticeFd === null ? null : (child.stdio[noticeFd] as Readable | null);
  // It is only there to be closed, and must not keep us.
  notice?.on('error', () => undefined).once('close', () => options.onLifelineClosed?.());
  notice?.resume();
  (notice as { unref?: () => void } | null)?.unref?.();
  return { child, gate: held.goFd === null ? null : (child.stdio[held.goFd] as Writable | null) };
}

/** Windows has nothing to hold a command with. */
function heldOrNot(command: readonly string[], options: HeldOptions): HeldCommand {
  const [file = '', ...args] = command;
  if (isWindows) return { file, args, goFd: null, env: {} };
  const { cwd = '.', env = process.env, undecoded, inherited } = options;
  return heldCommand(command, env, { cwd, undecoded, inherited });
}

interface Streams {
  stdio: StdioOptions;
  /** The descriptor beside the lifeline, whose other end tells us when the two were closed. */
  noticeFd: number | null;
}

function streamsOf(
  { input = 'inherit', output = 'inherit', errors = output, lifeline, inherited }: HeldOptions,
  goFd: number | null,
): Streams {
  const given = inherited?.descriptors ?? [];
  const stdio: Array<'inherit' | 'ignore' | 'pipe' | number> = [input, output, errors];
  const put = (fd: number, stream: 'pipe' | number) => {
    while (stdio.length <= fd) stdio.push('ignore');
    stdio[fd] = stream;
  };
  for (const fd of given) put(fd, fd);
  if (goFd !== null) put(goFd, 'pipe');
  if (lifeline === undefined) return { stdio, noticeFd: null };
  const [lifelineFd, noticeFd] = freeFrom(FIRST_LIFELINE_FD, given);
  put(lifelineFd, lifeline);
  put(noticeFd, 'pipe');
  return { stdio, noticeFd };
}

/** The two lowest descriptors from a first one that are not used. */
function freeFrom(first: number, used: readonly number[]): [number, number] {
  const next = (from: number): number => (used.includes(from) ? next(from + 1) : from);
  const one = next(first);
  return [one, next(one + 1)];
}
