import fs from 'node:fs';
import path from 'node:path';
import { MAIN, type Result, Rig } from './cli-rig.ts';

/** Reports which files were compiled, and whether V8 took their code from the cache. */
const WITNESS = `
const files = {};
const vm = require('node:vm');
const { Script } = vm;
vm.Script = class extends Script {
  constructor(text, options) {
    super(text, options);
    if (!options) return;
    const name = require('node:path').basename(options.filename).replace(/-[\\w-]{8}\\.js$/, '.js');
    files[name] = options.cachedData ? !this.cachedDataRejected : false;
  }
};
process.on('exit', () => require('node:fs').writeFileSync(process.env.WITNESS, JSON.stringify(files)));
`;

/** A call whose command prints `done`. */
export const RUN = ['run', 'x', '--', 'echo', 'done'];

export interface CallOptions {
  env?: Record<string, string | undefined>;
  main?: string;
  /** Words in front of Node. */
  through?: readonly string[];
  /** Of Node. */
  options?: readonly string[];
}

export interface Called extends Result {
  /** By the names of the files that our loader compiled, whether their code was kept; null if the call did not end by itself. */
  compiled: Record<string, boolean> | null;
}

/** A call whose code was compiled anew. */
export const COLD: Called = { status: 0, stdout: 'done\n', stderr: '', compiled: { 'program.js': false } };
/** One whose code was kept. */
export const WARM: Called = { ...COLD, compiled: { 'program.js': true } };
/** One whose program Node itself has loaded. */
export const PLAIN: Called = { ...COLD, compiled: {} };

/** A user's home with the place of kept code in it, and calls of the command line that use it. */
export class CodeRig extends Rig {
  readonly home = this.path('home');
  readonly cache = path.join(this.home, '.cache', 'lockstep');
  #calls = 0;

  constructor() {
    super();
    fs.mkdirSync(path.dirname(this.cache), { recursive: true });
    this.write('witness.cjs', WITNESS);
  }

  get environment(): Record<string, string | undefined> {
    return { HOME: this.home, XDG_CACHE_HOME: undefined };
  }

  async call(
    words: readonly string[],
    { env, main = MAIN, through = [], options = [] }: CallOptions = {},
  ): Promise<Called> {
    this.#calls += 1;
    const report = this.path(`compiled-${this.#calls}.json`);
    const node = [process.execPath, '--require', this.path('witness.cjs'), ...options, main];
    const [program = '', ...args] = [...through, ...node, ...words];
    const result = await this.start(program, args, { env: { ...this.environment, WITNESS: report, ...env }, input: '' })
      .ended;
    const compiled = fs.existsSync(report) ? JSON.parse(fs.readFileSync(report, 'utf8')) : null;
    return { ...result, compiled };
  }

  /** The names of the files with kept code, and of temporary ones. */
  get kept(): string[] {
    return fs.existsSync(this.cache) ? fs.readdirSync(this.cache).sort() : [];
  }

  get keptFile(): string {
    const [name, ...others] = this.kept;
    if (name === undefined || others.length > 0)
      throw new Error(`not one file is kept, but ${this.kept.join(', ') || 'none'}`);
    return path.join(this.cache, name);
  }
}
