import fs from 'node:fs';
import path from 'node:path';
import { runtimeOptions } from './runtime-options.ts';

/** Where this program was started, as far as we know: it may have changed its directory before it loaded us. */
const STARTED_IN = currentDirectory();

/** The working directory, or null if it is gone. */
export function currentDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/** Returns what is wrong with a working directory for a child; null if nothing is. */
export function directoryProblem(cwd: string): string | null {
  try {
    fs.accessSync(`${cwd}/.`, fs.constants.X_OK);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return `its working directory ${cwd} does not exist: create it first, or give another cwd`;
    if (code === 'ENOTDIR') return `its working directory ${cwd} is no directory: give another cwd`;
    return `its working directory ${cwd} cannot be entered (${code}): check its mode and owner, or give another cwd`;
  }
}

/**
 * Where a module's process starts, if that is not where it is to work: it goes there before it loads the module. Options of
 * Node such as `--import ./setup.js` name files from where this program was started.
 */
export function startDirectory(cwd: string | undefined, env: NodeJS.ProcessEnv): string | null {
  const hasOptions = runtimeOptions().length > 0 || (env.NODE_OPTIONS ?? '') !== '';
  if (!hasOptions || STARTED_IN === null || directoryProblem(STARTED_IN) !== null) return null;
  return path.resolve(cwd ?? '.') === STARTED_IN ? null : STARTED_IN;
}
