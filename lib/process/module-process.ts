import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { ownFile } from '../host/own-file.ts';
import { CHILD_CODE } from './child-code.ts';

/** Instead of a file: Node reads its program from its standard input. */
const FROM_INPUT = '-';
/** Deno reads it as an ES module; the text is CommonJS. */
const DENO_PRELUDE = `import { createRequire } from 'node:module';
const __filename = process.cwd() + '/stdin', require = createRequire(__filename);\n`;
/** How this file is called in the package, and in no bundle. */
const OWN_NAME = /\/module-process\.[jt]s$/;

/**
 * Starts the process of a module, which waits for its order (`child-main.ts`). Its standard input is empty.
 *
 * In a bundle the file of its program is not there: then the process reads the same program as text, and has a copy of
 * Lockstep of its own.
 *
 * @throws an error where there is no Node to run a module
 */
export function forkModule(output: 'inherit' | 'pipe' | 'ignore' | number, options: ForkOptions): ChildProcess {
  const common: ForkOptions = { ...options, serialization: 'advanced' };
  const isOwnFile = CHILD_CODE === null || OWN_NAME.test(import.meta.url ?? '');
  const file = isOwnFile ? ownFile(import.meta.url, 'child-main.js') : null;
  if (file !== null) return fork(file, { ...common, stdio: ['ignore', output, output, 'ipc'] });
  if (isSingleExecutable())
    throw new Error(
      'this program is a single executable, which has no Node to run a module: give it a command instead',
    );
  if (CHILD_CODE === null) throw new Error('the program child-main.js is missing: build Lockstep');
  const execArgv = process.execArgv.filter((word) => !word.startsWith('--input-type'));
  const child = fork(FROM_INPUT, { ...common, execArgv, stdio: ['pipe', output, output, 'ipc'] });
  // The exit of a child that was killed meanwhile reports that, not this pipe.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end('deno' in process.versions ? `${DENO_PRELUDE}${CHILD_CODE}` : CHILD_CODE);
  return child;
}

/** Whether `process.execPath` is the program itself. Other runtimes have no such module. */
function isSingleExecutable(): boolean {
  try {
    return process.getBuiltinModule('node:sea').isSea();
  } catch {
    return false;
  }
}
