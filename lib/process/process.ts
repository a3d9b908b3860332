import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import type { EndSignal, OutputStream, SignalName } from '../node-types.ts';
import { OptionNames } from '../options/option-names.ts';
import { checkWait } from '../primitives/waiting.ts';
import { canStart, checkLoaded } from './bootstrap.ts';
import { children, isDaemon, type ManagedChild } from './children.ts';
import { type HandedOn, launch } from './launch.ts';
import { ModuleResult } from './module-result.ts';
import type { Outcome } from './outcome.ts';
import { StartedChild } from './started-child.ts';
import { checkTarget, type Target, urlOf } from './target.ts';

/** The time between SIGTERM and SIGKILL. A killed main's daemons must be gone within a second. */
const GRACE_MS = 500;

/** Options of `join` and `result`. */
export interface JoinOptions {
  /** How long to wait, in ms. Default: no limit. */
  timeout?: number;
  /** Ends the wait, not the process. */
  signal?: EndSignal | undefined;
}

const JOIN = new OptionNames<JoinOptions>('join(…)', { timeout: true, signal: true }, { number: 'timeout' });
const RESULT = new OptionNames<JoinOptions>('result(…)', { timeout: true, signal: true }, { number: 'timeout' });
let count = 0;
canStart();

/**
 * A `Process` runs an exported function of a module, or a program, in a child process, after Python's
 * `multiprocessing.Process`. Use it for children that share primitives with main, or must not outlive it.
 *
 * - *Main's end:* when main's own code has ended (its event loop is empty), its daemons get SIGTERM at once, and SIGKILL
 *   after `grace`. Then main waits for its ordinary children, and exits. After `process.exit`, an uncaught exception or
 *   a deadly signal, also SIGKILL, the daemons are ended too, within `grace` and a moment; ordinary children continue.
 * - *A daemon* is ended with all that it started: its process group, and on Linux also processes that left it
 *   (`setsid`), unless they cleared their environment and their parent is gone. It must not have `Process`es of its own.
 *   Its standard input is empty, and so is a module's.
 * - *A module* ends when its function's promise has settled and its event loop is empty. If the function throws, the
 *   stack goes to stderr, and the exit code is 1. `result` has what it returned or threw. It runs with main's
 *   `execArgv`, so TypeScript runs where main's does.
 * - *One file* may be both main and a module, if main's code is behind a check of `process.argv[1]` (which is not the module in a
 *   child), or `require.main`: code outside of functions must not start processes in a child (`MisuseError`).
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
  #daemon = false;
  #child: StartedChild | null = null;
  #result: ModuleResult | null = null;
  readonly #handedOn: HandedOn;

  /** @throws {MisuseError} unless `target` has exactly one of `module` and `command`, and valid options */
  constructor(target: Target);
  /** @internal */
  constructor(target: Target, handedOn?: HandedOn);
  constructor(target: Target, handedOn: HandedOn = {}) {
    checkTarget(target);
    this.#handedOn = handedOn;
    const { name, daemon = false, grace = GRACE_MS } = target;
    if (!(Number.isFinite(grace) && grace >= 0))
      throw new MisuseError(`grace must be a number of milliseconds from 0 up, not ${String(grace)}`);
    count += 1;
    this.name = name ?? `Process-${count}`;
    // Now: main may change its directory before `start`.
    this.#target = 'module' in target ? { ...target, module: urlOf(target.module) } : target;
    this.#graceMs = grace;
    this.daemon = daemon;
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
    if (this.#child) throw new MisuseError(`${this.name} has been started: set daemon before start()`);
    this.#daemon = daemon;
  }

  /** The process id; null before `start`. */
  get pid(): number | null {
    return this.#child?.held.pid ?? null;
  }

  /** The exit code; −n if signal n ended the process; null before its end was noticed by the event loop. */
  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** Whether the process was started and has not ended, as of the last turn of the event loop. */
  isAlive(): boolean {
    return this.#child !== null && this.#child.exitCode === null;
  }

  /**
   * The process's output, if `output` is `pipe`, from `start` on; else null. A child blocks when the pipe is full: read
   * it. Reading it does not keep main's code alive.
   */
  get stdout(): OutputStream | null {
    return this.#child?.held.stdout ?? null;
  }

  /** The process's errors, as `stdout`. */
  get stderr(): OutputStream | null {
    return this.#child?.held.stderr ?? null;
  }

  /**
   * Starts the process, and returns once it exists; its code begins later. If main is killed during `start`, the code
   * never begins.
   *
   * @throws {MisuseError} if it was started before; in a daemon; in a child that loads its module; for arguments that
   *   would not arrive as they are
   * @throws {LockstepError} `START_FAILED` if `cwd` is missing, or the system starts no more processes. Nothing was
   *   started then.
   */
  start(): void {
    if (this.#child) throw new MisuseError(`${this.name} has been started before: make a new Process to run it again`);
    if (isDaemon())
      throw new MisuseError(
        `${this.name}: a daemon must not start children: start them in main, or make this no daemon`,
      );
    checkLoaded(this.name);
    const options = { name: this.name, target: this.#target, daemon: this.#daemon, graceMs: this.#graceMs };
    const held = launch({ ...options, handedOn: this.#handedOn });
    if ('module' in this.#target) this.#result = new ModuleResult(this.name, held);
    this.#child = new StartedChild(held, options);
    Process.#ofChild.set(this.#child, this);
    held.go();
  }

  /**
   * Resolves to what the module's function has returned, or to what its promise was fulfilled with; rejects with what it
   * threw, or with why the module could not be loaded. Use it where the work is a function with a result, and `join` where
   * only the end counts.
   *
   * - It settles as soon as the function has; the process itself may go on (`join`). Main's code has not ended while it
   *   waits. It may be called at any time after `start`, also late, and again: it then gives the same object.
   * - The value is structured-cloned as `args` are, and has at most 256 MiB. A primitive in it stands for the same resource.
   *   A value that would not arrive as it is rejects with `RESULT_REFUSED`; the exit code is not changed by it.
   * - *Errors* keep their class name, message, stack, `code`, `cause` and other properties that can be transferred. They are
   *   instances of JavaScript's and Lockstep's own classes; of another class, of the nearest of these.
   * - *A crash*, `process.exit`, a signal, an uncaught error elsewhere in the process, or an event loop that is empty while the
   *   promise is pending: it rejects with `RESULT_LOST`, which states how the process ended. So does a daemon that main's end, `end` or
   *   `terminate` ended first.
   * - If it is never called, no rejection is unhandled: a function that throws is still visible by stderr and `exitCode`.
   *
   * @param options.timeout how long to wait, in ms. Default: no limit. The process goes on after it.
   * @param options.signal ends the wait, not the process
   * @throws {MisuseError} (rejects) before `start`; for a command, which has no result
   * @throws {LockstepError} (rejects) `RESULT_TIMEOUT`, `RESULT_REFUSED` or `RESULT_LOST`
   * @throws the signal's reason (rejects) if it aborts
   * @example
   * const sum = new Process({ module: new URL('./sum.js', import.meta.url), args: [[1, 2, 3]] });
   * sum.start();
   * console.log(await sum.result<number>({ timeout: 60_000 })); // 6
   */
  async result<T = unknown>(options: JoinOptions = {}): Promise<T> {
    RESULT.check(options);
    checkWait(options);
    const { timeout = Number.POSITIVE_INFINITY, signal } = options;
    const [child, result] = [this.#child, this.#result];
    if (!('module' in this.#target))
      throw new MisuseError(`${this.name} is a command, which has no result: use join(), or read its stdout`);
    if (!child || !result) throw new MisuseError(`${this.name} has not been started: call start() before result()`);
    let outcome: Outcome | undefined;
    const settled = result.outcome().then((found) => {
      outcome = found;
    });
    await child.wait(settled, timeout, signal);
    if (!outcome) signal?.throwIfAborted();
    return result.valueOf(outcome, timeout) as T;
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
    const child = this.#child;
    if (!child) throw new MisuseError(`${this.name} has not been started: call start() before join()`);
    await child.wait(child.ended, timeout, signal);
    signal?.throwIfAborted();
    return child.exitCode;
  }

  /** Sends SIGTERM, to a daemon's whole group, unless the process has ended. @throws {MisuseError} before `start` */
  terminate(): void {
    this.#signal('SIGTERM');
  }

  /** Sends SIGKILL, or another signal, as `terminate` does. @throws {MisuseError} before `start` */
  kill(signal: SignalName = 'SIGKILL'): void {
    this.#signal(signal);
  }

  /**
   * Sends SIGTERM, and SIGKILL after `grace`. Resolves to the exit code once the process has ended; for a daemon, once
   * its whole process group has.
   *
   * @throws {MisuseError} (rejects) before `start`
   */
  async end(): Promise<number> {
    const child = this.#started();
    const exit = this.join();
    await child.end();
    return (await exit) as number;
  }

  #signal(signal: SignalName): void {
    const { held } = this.#started();
    if (this.isAlive()) held.kill(signal);
  }

  /** @throws {MisuseError} */
  #started(): StartedChild {
    if (this.#child) return this.#child;
    throw new MisuseError(`${this.name} has not been started: there is nothing to end`);
  }
}

brand({ Process });
