import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { ownFile } from '../host/own-file.ts';
import { CHILD_WORD } from './bootstrap.ts';
import { CHILD_CODE } from './child-code.ts';
import { runtimeOptions } from './runtime-options.ts';

/** Instead of a file: Node reads its program from its standard input. */
const FROM_INPUT = '-';
/** Deno reads it as an ES module; the text is CommonJS. */
const DENO_PRELUDE = `import { createRequire } from 'node:module';
const __filename = process.cwd() + '/stdin', require = createRequire(__filename);\n`;
/** How this file is called in the package, and in no bundle. */
const OWN_NAME = /\/module-process\.[jt]s$/;

/**
 * Starts the process of a module, which waits for its order on descriptor 3 (`child-main.ts`). Its standard input is empty.
 *
 * In a bundle the file of its program is not there: then the process reads the same program as text, and has a copy of
 * Lockstep of its own.
 *
 * @throws an error where there is no Node to run a module
 */
export function startModule(output: 'inherit' | 'pipe' | 'ignore' | number, options: SpawnOptions): ChildProcess {
  const isOwnFile = CHILD_CODE === null || OWN_NAME.test(import.meta.url ?? '');
  const file = isOwnFile ? ownFile(import.meta.url, 'child-main.js') : null;
  if (file !== null) return startNode(file, { ...options, stdio: ['ignore', output, output, 'pipe'] });
  if (isSingleExecutable())
    throw new Error(
      'this program is a single executable, which has no Node to run a module: give it a command instead',
    );
  if (CHILD_CODE === null) throw new Error('the program child-main.js is missing: build Lockstep');
  const child = startNode(FROM_INPUT, { ...options, stdio: ['pipe', output, output, 'pipe'] });
  // The exit of a child that was killed meanwhile reports that, not this pipe.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end('deno' in process.versions ? `${DENO_PRELUDE}${CHILD_CODE}` : CHILD_CODE);
  return child;
}

function startNode(program: string, { env = process.env, ...options }: SpawnOptions): ChildProcess {
  // Electron's own program is Node only if it is asked to be.
  const asNode = 'electron' in process.versions ? { ELECTRON_RUN_AS_NODE: '1' } : {};
  const words = [...runtimeOptions(), program, CHILD_WORD];
  return spawn(process.execPath, words, { ...options, env: { ...env, ...asNode } });
}

/** Whether `process.execPath` is the program itself. Other runtimes have no such module. */
function isSingleExecutable(): boolean {
  try {
    return process.getBuiltinModule('node:sea').isSea();
  } catch {
    return false;
  }
}
