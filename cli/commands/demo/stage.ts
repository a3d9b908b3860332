import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fse from 'fs-extra';
import { EXIT, Exit } from '../../output/exit.ts';

// The package has them beside the bundle in dist/.
const FIXTURES = fileURLToPath(new URL('../fixtures/demos/', import.meta.url));
export const PEOPLE = 10;

type OnLine = (line: string) => void;

/** Where a demo is shown: a temporary directory with a store of its own, and the processes that it starts there. */
export class Stage {
  #directory = '';
  #isClosed = false;
  readonly #children = new Set<ChildProcess>();

  get directory(): string {
    return this.#directory;
  }

  get store(): string {
    return path.join(this.#directory, 'store');
  }

  /** Makes the directory, at once: from here on there is something to close. */
  open(): void {
    this.#directory = mkdtempSync(path.join(tmpdir(), 'lockstep-demo-'));
  }

  /** Starts a program of the demos; `channel`: with an IPC channel. */
  start(program: string, args: readonly string[], channel: boolean): ChildProcess {
    return this.spawn([path.join(FIXTURES, `${program}.js`), ...args], channel);
  }

  /** Starts Node. Its temporary files are in our directory, its errors go where ours go. */
  spawn(args: readonly string[], channel = false): ChildProcess {
    // A demo that is ended early would go on, as a process that it waited for has ended.
    if (this.#isClosed) throw new Exit(EXIT.failed);
    // Nothing of a demo is in a store that is the user's own.
    const { LOCKSTEP_STORE: _, ...env } = process.env;
    const child = spawn(process.execPath, args, {
      env: { ...env, LOCKSTEP_DIR: this.store, TMPDIR: this.directory },
      stdio: ['ignore', 'pipe', 'inherit', ...(channel ? (['ipc'] as const) : [])],
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  /** Starts ten processes, releases them at the same moment, and passes on each line that they print. */
  async together(program: string, argsOf: (person: string, number: number) => string[], onLine: OnLine): Promise<void> {
    const children = Array.from({ length: PEOPLE }, (_, number) =>
      this.start(program, argsOf(`person${number}`, number), true),
    );
    const ended = children.map((child) => once(child, 'close') as Promise<[number | null]>);
    for (const child of children) passLines(child, onLine);
    // A child may die before it is ready.
    await Promise.all(children.map((child, number) => Promise.race([once(child, 'message'), ended[number]])));
    for (const child of children) if (child.connected) child.send('go');
    const codes = await Promise.all(ended);
    if (codes.some(([code]) => code !== 0)) throw new Exit(EXIT.failed);
  }

  /** Runs one program without an IPC channel: a process that may still get a message is not certainly deadlocked. */
  async alone(program: string, args: readonly string[], onLine: OnLine): Promise<void> {
    const child = this.start(program, args, false);
    passLines(child, onLine);
    // Also what it started has ended then, or it would have the pipe.
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Exit(code ?? EXIT.failed);
  }

  /** Ends what still runs. No other process can be started. */
  end(): void {
    this.#isClosed = true;
    for (const child of this.#children) child.kill();
  }

  /** Ends what still runs, and removes the directory. */
  async close(): Promise<void> {
    const ended = [...this.#children].map((child) => once(child, 'close'));
    this.end();
    await Promise.all(ended);
    if (this.#directory !== '') await fse.remove(this.#directory);
  }
}

/** Passes on each line that a child prints. */
export function passLines(child: ChildProcess, onLine: OnLine): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}
