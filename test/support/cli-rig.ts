import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EntryView, openStore, type Store } from 'lockstep';

/** The command line as it is shipped. `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
export const FIXTURES = fileURLToPath(new URL('../../dist/fixtures/demos/', import.meta.url));
/** A hang guard; no test's order depends on it. */
const UNTIL_MS = 20_000;

export interface Result {
  /** The exit status, or the name of the signal it died of. */
  status: number | NodeJS.Signals;
  stdout: string;
  stderr: string;
}

export interface StartOptions {
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Its whole input. Without it the pipe stays open until `letGo()`. */
  input?: string;
}

/** Polls. Only for conditions for which there is no event. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** PF_EXITING: the process is ending, and runs nothing of its program any more; it becomes a zombie when the kernel gets to it. */
const EXITING = 4;

/** Whether a process exists, and is not ending or a zombie. */
export function isAlive(pid: number): boolean {
  const { letter, flags } = stateOf(pid);
  return !['', 'Z', 'X'].includes(letter) && (flags & EXITING) === 0;
}

/**
 * The same for the commands that a test locks, as the shell function `is_living PID`: the kernel gives a lock away before the
 * process is a zombie, so the next holder may still find its predecessor in the state `R`.
 */
export const IS_LIVING = `is_living() {
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
  set -- \${stat##*)}
  case $1 in [ZX]) return 1 ;; esac
  [ $(($7 & ${EXITING})) = 0 ]
}`;

/** Whether a process was stopped by a signal. */
export function isStopped(pid: number): boolean {
  return stateOf(pid).letter === 'T';
}

/** The letter of `ps`, empty if there is no such process; and the kernel's flags. */
function stateOf(pid: number): { letter: string; flags: number } {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { letter: fields[0] ?? '', flags: Number(fields[6]) };
  } catch {
    return { letter: '', flags: 0 };
  }
}

/** A process that a test started: its output and its end. */
export class Program {
  readonly pid: number;
  readonly ended: Promise<Result>;
  stdout = '';
  stderr = '';
  running = true;
  /** The news of its end may come before what it printed last. */
  #mayStillSay = true;
  readonly #child: ChildProcess;
  #onChange: Array<() => void> = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changed();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    // It may end before it has read our input.
    child.stdin?.on('error', () => undefined);
    child.once('exit', () => {
      this.running = false;
      this.#changed();
    });
    const silenced = () => {
      this.#mayStillSay = false;
      this.#changed();
    };
    child.once('error', silenced).once('close', silenced);
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) =>
        resolve({ status: code ?? signal ?? 0, stdout: this.stdout, stderr: this.stderr }),
      );
    });
    this.ended.catch(() => undefined);
  }

  /** Waits until it has printed `text`; fails if it ends without. */
  async says(text: string | RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this[stream].match(typeof text === 'string' ? escaped(text) : text);
      if (match) return match;
      if (!this.#mayStillSay) throw new Error(`ended without saying ${text}: ${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#onChange.push(resolve));
    }
  }

  /** Waits until the process itself is gone, even if other processes still have its streams. */
  async exited(): Promise<void> {
    while (this.running) await new Promise<void>((resolve) => this.#onChange.push(resolve));
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Closes its input, for which the commands of these tests wait. */
  letGo(): Promise<Result> {
    this.#child.stdin?.end();
    return this.ended;
  }

  /** Signals only this process, not its children. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills it and the process group that it leads. */
  destroy(): void {
    this.#child.stdin?.destroy();
    killQuietly(-this.pid);
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const resolve of waiting) resolve();
  }
}

function escaped(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
}

function killQuietly(pid: number): void {
  // A process that could not be started has pid 0, which as a target means our own process group.
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

/**
 * A FIFO for which commands wait with `read -r _ < NAME`. Unlike a pipe to a child's stdin, which Node
 * closes when that child has ended, it outlives a wrapper that is killed.
 */
export class Gate {
  readonly #descriptor: number;

  constructor(file: string) {
    execFileSync('mkfifo', [file]);
    // Also open for reading, so that neither side has to wait for the other to open it.
    this.#descriptor = fs.openSync(file, fs.constants.O_RDWR);
  }

  /** Lets one command through. */
  open(): void {
    fs.writeSync(this.#descriptor, '\n');
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** A store and a directory for one test, and every process that the test started. */
export class Rig {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-cli-'));
  readonly storePath = path.join(this.directory, 'store');
  readonly #programs: Program[] = [];
  readonly #strays: number[] = [];
  readonly #gates: Gate[] = [];

  get store(): Store {
    return openStore(this.storePath);
  }

  path(...names: string[]): string {
    return path.join(this.directory, ...names);
  }

  write(name: string, text: string, mode = 0o644): string {
    const file = this.path(name);
    fs.writeFileSync(file, text);
    fs.chmodSync(file, mode);
    return file;
  }

  read(name: string): string {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  exists(name: string): boolean {
    return fs.existsSync(this.path(name));
  }

  /** Starts a program in a process group of its own. */
  start(file: string, args: readonly string[], { env = {}, cwd, input }: StartOptions = {}): Program {
    const child = spawn(file, args, {
      cwd: cwd ?? this.directory,
      env: { ...process.env, LOCKSTEP_DIR: this.storePath, NODE: process.execPath, MAIN, ...env },
      stdio: 'pipe',
      detached: true,
    });
    const program = new Program(child);
    this.#programs.push(program);
    if (input !== undefined) child.stdin.end(input);
    return program;
  }

  /** Starts `lockstep …`. */
  lockstep(args: readonly string[], options: StartOptions = {}): Program {
    return this.start(process.execPath, [MAIN, ...args], options);
  }

  /** Runs `lockstep …` to its end, with no input. */
  run(...args: string[]): Promise<Result> {
    return this.lockstep(args, { input: '' }).ended;
  }

  /** A shell script in which `lockstep` is a command. Its `$$` is the pid of the returned program. */
  script(text: string, options: StartOptions = {}): Program {
    const file = this.write(`script.${this.#programs.length}.sh`, `lockstep() { "$NODE" "$MAIN" "$@"; }\n${text}`);
    return this.start('/bin/sh', [file], options);
  }

  /** `lockstep run NAME [options]` with a command that holds until `letGo()`, and then exits 0. */
  async hold(name: string, ...options: string[]): Promise<Program> {
    const holder = this.visitor(name, ...options);
    await holder.says('in ');
    return holder;
  }

  /** The same, but it may have to wait. When it holds, it prints `in` and the command's pid. */
  visitor(name: string, ...options: string[]): Program {
    return this.lockstep(['run', name, ...options, '--', 'sh', '-c', 'echo in $$; read -r _; exit 0']);
  }

  async entries(name: string): Promise<EntryView[]> {
    return (await this.store.snapshot(name))?.entries ?? [];
  }

  /** Waits until the line has exactly this many holders and waiters. */
  async line(name: string, holding: number, waiting: number): Promise<void> {
    await until(`${holding} hold ${name} and ${waiting} wait`, async () => {
      const entries = await this.entries(name);
      const held = entries.filter(({ state }) => state === 'holding').length;
      return held === holding && entries.length - held === waiting;
    });
  }

  gate(name: string): Gate {
    const gate = new Gate(this.path(name));
    this.#gates.push(gate);
    return gate;
  }

  /** Registers a process outside the groups of started programs, to be killed at the end. */
  stray(pid: number): number {
    this.#strays.push(pid);
    return pid;
  }

  /** The newest first: where a holder is killed before it, one who waits gets in, and starts what nobody ends. */
  destroyPrograms(): void {
    for (const program of [...this.#programs].reverse()) program.destroy();
  }

  async end(): Promise<void> {
    this.destroyPrograms();
    for (const pid of this.#strays) killQuietly(pid);
    for (const gate of this.#gates) gate.close();
    await Promise.all(this.#programs.map(({ ended }) => ended.catch(() => undefined)));
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
