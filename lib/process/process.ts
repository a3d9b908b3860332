import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { brand } from '../copies.ts';
import { LockstepError, MisuseError } from '../errors.ts';
import { OptionNames } from '../options/option-names.ts';
import { checkWait } from '../primitives/waiting.ts';
import { byDeadline } from '../time/deadline.ts';
import { children, isDaemon, type ManagedChild } from './children.ts';
import { HeldProcess, type ProcessExit } from './held-process.ts';
import { type CommandTarget, checkTarget, type ModuleOrder, orderOf, type Target } from './target.ts';

/** The time between SIGTERM and SIGKILL. A killed main's daemons must be gone within a second. */
const GRACE_MS = 500;

/** Options of `join`. */
export interface JoinOptions {
  /** How long to wait, in ms. Default: no limit. */
  timeout?: number;
  /** Ends the wait, not the process. */
  signal?: AbortSignal | undefined;
}

const JOIN = new OptionNames<JoinOptions>('join(…)', { timeout: true, signal: true }, { number: 'timeout' });

const isWindows = process.platform === 'win32';
let count = 0;

/**
 * A `Process` runs an exported function of a module, or a program, in a child process, after Python's
 * `multiprocessing.Process`. Use it for children that share primitives with main, or must not outlive it.
 *
 * - *Main's end:* when main's own code has ended (its event loop is empty), its daemons get SIGTERM at once, and SIGKILL
 *   after `grace`. Then main waits for its ordinary children, and exits. After `process.exit`, an uncaught exception or
 *   a deadly signal, also SIGKILL, the daemons are ended too, within `grace` and a moment; ordinary children continue.
 * - *A daemon* is ended with all processes of its process group; it must not have `Process`es of its own. Its standard
 *   input is empty, and so is a module's.
 * - *A module* ends when its function's promise has settled and its event loop is empty. If the function throws, the
 *   stack goes to stderr, and the exit code is 1. It runs with main's `execArgv`, so TypeScript runs where main's does.
 * - *The locks* of a child that was killed are free as soon as the next waiter checks.
 *
 * @example
 * import { Process, Semaphore } from 'lockstep';
 * const singer = new Process({ module: './sing.js', args: ['person1', new Semaphore('ktv', 4)] });
 * singer.start(); // prints person1 sings
 * console.log(await singer.join()); // prints 0
 */
export class Process {
  static readonly #ofChild = new WeakMap<ManagedChild, Process>();
  /** The name in messages. */
  readonly name: string;
  readonly #target: Target;
  readonly #graceMs: number;
  readonly #asChild: ManagedChild;
  #daemon = false;
  #held: HeldProcess | null = null;
  #ending: Promise<void> | null = null;
  #exitCode: number | null = null;
  #ended: Promise<void> = Promise.resolve();
  #joins = 0;

  /** @throws {MisuseError} unless `target` has exactly one of `module` and `command`, and valid options */
  constructor(target: Target) {
    checkTarget(target);
    const { name, daemon = false, grace = GRACE_MS } = target;
    if (!(Number.isFinite(grace) && grace >= 0))
      throw new MisuseError(`grace must be a number of milliseconds from 0 up, not ${String(grace)}`);
    count += 1;
    this.name = name ?? `Process-${count}`;
    this.#target = target;
    this.#graceMs = grace;
    this.daemon = daemon;
    this.#asChild = this.#managed();
    Process.#ofChild.set(this.#asChild, this);
  }

  /** The children of this process that run now. */
  static activeChildren(): Process[] {
    const all = children.all().flatMap((child) => Process.#ofChild.get(child) ?? []);
    return all.filter((process) => process.isAlive());
  }

  /** Whether the process is ended when main's code has ended. Set it before `start`. */
  get daemon(): boolean {
    return this.#daemon;
  }

  /** @throws {MisuseError} after `start` */
  set daemon(daemon: boolean) {
    if (typeof daemon !== 'boolean') throw new MisuseError(`daemon must be true or false, not ${String(daemon)}`);
    if (this.#held) throw new MisuseError(`${this.name} has been started: set daemon before start()`);
    this.#daemon = daemon;
  }

  /** The process id; null before `start`. */
  get pid(): number | null {
    return this.#held?.pid ?? null;
  }

  /** The exit code; −n if signal n ended the process; null before its end was noticed by the event loop. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** Whether the process was started and has not ended, as of the last turn of the event loop. */
  isAlive(): boolean {
    return this.#held !== null && this.#exitCode === null;
  }

  /**
   * The process's output, if `output` is `pipe`, from `start` on; else null. A child blocks when the pipe is full: read
   * it. Reading it does not keep main's code alive.
   */
  get stdout(): Readable | null {
    return this.#held?.stdout ?? null;
  }

  /** The process's errors, as `stdout`. */
  get stderr(): Readable | null {
    return this.#held?.stderr ?? null;
  }

  /**
   * Starts the process, and returns once it exists; its code begins later. If main is killed during `start`, the code
   * never begins.
   *
   * @throws {MisuseError} if it was started before; in a daemon; for arguments that cannot be transferred
   * @throws {LockstepError} `START_FAILED` if the system starts no more processes. Nothing was started then.
   */
  start(): void {
    if (this.#held) throw new MisuseError(`${this.name} has been started before: make a new Process to run it again`);
    if (isDaemon())
      throw new MisuseError(
        `${this.name}: a daemon must not start children: start them in main, or make this no daemon`,
      );
    const order = 'module' in this.#target ? orderOf(this.#target, this.#daemon) : null;
    const held = this.#launch(order);
    this.#held = held;
    this.#ended = held.exit().then((exit) => this.#onExit(exit));
    children.add(this.#asChild);
    // Before it may begin, so that there is no moment at which it runs and nobody would end it.
    if (this.#daemon && !isWindows) children.guardian.watch(held.pid, this.#graceMs);
    held.go();
  }

  /**
   * Waits until the process has ended. Resolves to its exit code, or to null after `timeout` ms. Main's code has not
   * ended while it waits.
   *
   * @throws {MisuseError} (rejects) before `start`
   * @throws the signal's reason (rejects) if it aborts
   */
  async join(options: JoinOptions = {}): Promise<number | null> {
    JOIN.check(options);
    checkWait(options);
    const { timeout = Number.POSITIVE_INFINITY, signal } = options;
    const held = this.#held;
    if (!held) throw new MisuseError(`${this.name} has not been started: call start() before join()`);
    signal?.throwIfAborted();
    this.#joins += 1;
    held.ref();
    try {
      await byDeadline(this.#ended, timeout, signal);
    } finally {
      this.#joins -= 1;
      if (this.#joins === 0) held.unref();
    }
    signal?.throwIfAborted();
    return this.#exitCode;
  }

  /** Sends SIGTERM, to a daemon's whole group, unless the process has ended. @throws {MisuseError} before `start` */
  terminate(): void {
    this.#signal('SIGTERM');
  }

  /** Sends SIGKILL, or another signal, as `terminate` does. @throws {MisuseError} before `start` */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#signal(signal);
  }

  /**
   * Sends SIGTERM, and SIGKILL after `grace`. Resolves to the exit code once the process has ended; for a daemon, once
   * its whole process group has.
   *
   * @throws {MisuseError} (rejects) before `start`
   */
  async end(): Promise<number> {
    const held = this.#started();
    const exit = this.join();
    await (this.#daemon ? this.#end(held) : held.end(this.#graceMs));
    return (await exit) as number;
  }

  #signal(signal: NodeJS.Signals): void {
    const held = this.#started();
    if (this.isAlive()) held.kill(signal);
  }

  /** @throws {MisuseError} */
  #started(): HeldProcess {
    if (this.#held) return this.#held;
    throw new MisuseError(`${this.name} has not been started: there is nothing to end`);
  }

  /** @throws {LockstepError} */
  #launch(order: ModuleOrder | null): HeldProcess {
    const { cwd, env = process.env, output = 'inherit' } = this.#target;
    const [input, ends] = this.#daemon ? (['ignore', 'group'] as const) : (['inherit', 'process'] as const);
    const work = order ? { order } : { command: (this.#target as CommandTarget).command };
    try {
      if (this.#daemon && !isWindows) children.guardian.start();
      return HeldProcess.startNow(work, { cwd, env, input, output, ends, keepsAlive: false });
    } catch (cause) {
      throw new LockstepError(
        'START_FAILED',
        `${this.name} could not be started: ${(cause as Error).message}. Nothing was started.`,
        { operation: 'start', resource: this.name, cause },
      );
    }
  }

  #onExit({ code, signal }: ProcessExit): void {
    this.#exitCode = code ?? -(signal === null ? 0 : constants.signals[signal]);
    if (this.#daemon && this.#held) void this.#end(this.#held);
    else children.remove(this.#asChild);
  }

  /** Ends a daemon, or what it left behind in its group. */
  #end(held: HeldProcess): Promise<void> {
    this.#ending ??= this.#endGroup(held);
    return this.#ending;
  }

  async #endGroup(held: HeldProcess): Promise<void> {
    await held.end(this.#graceMs);
    children.guardian.leave(held.pid);
    // Main stays until it has the exit code; a child whose end nobody collects stays a zombie.
    held.ref();
    await this.#ended;
    children.remove(this.#asChild);
  }

  #managed(): ManagedChild {
    const self = this;
    return {
      get daemon() {
        return self.#daemon;
      },
      end: () => this.#end(this.#started()),
      await: () => this.#held?.ref(),
    };
  }
}

brand({ Process });
