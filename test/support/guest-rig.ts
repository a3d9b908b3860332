import { fileURLToPath } from 'node:url';
import { type Program, Rig, type StartOptions } from './cli-rig.ts';

const LIBRARY = new URL('../../dist/lib/index.js', import.meta.url);
/** Where the library is, for a test that copies it. */
export const LIBRARY_DIRECTORY = fileURLToPath(new URL('.', LIBRARY));

export const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** A prelude for every program. `compute` blocks until `enough` exists, `order` waits for a line of input. */
const PRELUDE = `
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Event, Lock, RLock, Semaphore, openStore } from ${JSON.stringify(LIBRARY.href)};
const require = createRequire(${JSON.stringify(import.meta.url)});
const say = (line) => fs.writeSync(1, line + '\\n');
const order = () => new Promise((resolve) => process.stdin.once('data', resolve));
const cell = new Int32Array(new SharedArrayBuffer(4));
const compute = () => { say('computing'); while (!fs.existsSync('enough')) Atomics.wait(cell, 0, 0, 5); };
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const handlers = () => SIGNALS.map((signal) => process.listenerCount(signal)).join(' ');
const lock = new Lock('n');
`;

/** Programs that use the library as a guest: each is a module's text, in a directory of its own. */
export class GuestRig extends Rig {
  #programs = 0;

  program(text: string, { through = [], ...options }: StartOptions & { through?: readonly string[] } = {}): Program {
    this.#programs += 1;
    const file = this.write(`program-${this.#programs}.mjs`, PRELUDE + text);
    const [program = '', ...args] = [...through, process.execPath, file];
    return this.start(program, args, options);
  }

  /** Ends `compute()` in all programs. */
  enough(): void {
    this.write('enough', '');
  }
}
