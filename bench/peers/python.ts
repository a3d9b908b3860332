import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Debian's own first: that is the one which Debian's packages of modules belong to. */
const INTERPRETERS = ['/usr/bin/python3', 'python3'];

/** The interpreter, or undefined if there is none. Prefers one that has `module`. */
export function pythonWith(module: string): string | undefined {
  const imports = (name: string) => (program: string) =>
    spawnSync(program, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0;
  return INTERPRETERS.find(imports(module)) ?? INTERPRETERS.find(imports('fcntl'));
}

/** A Python program of this folder that answers each line of its input with one line. */
export class PythonProgram {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(python: string, file: string, args: readonly string[]) {
    // Compiled, this file is in build/bench/peers/.
    const program = fileURLToPath(new URL(`../../../bench/peers/${file}`, import.meta.url));
    this.#child = spawn(python, [program, ...args]);
    this.#child.stderr.pipe(process.stderr);
    this.#ended = once(this.#child, 'exit');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves to the next line of its output. */
  async answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`bench: the Python program ended: ${this.#child.spawnargs.join(' ')}`);
    return value;
  }

  async ask(line: string): Promise<unknown> {
    this.#child.stdin.write(`${line}\n`);
    return JSON.parse(await this.answer());
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
