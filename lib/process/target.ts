import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MisuseError } from '../errors.ts';
import type { Environment, ModuleUrl } from '../node-types.ts';
import { OptionNames } from '../options/option-names.ts';
import { pack } from './argument-codec.ts';
import { currentDirectory } from './working-directory.ts';

/** A module's exported function, for a `Process` to run in a process of its own. */
export interface ModuleTarget {
  /** The module's file, as a URL or a path. A relative path is resolved when the `Process` is made. */
  module: ModuleUrl | string;
  /** The name under which the function is exported. Default: `default`. */
  export?: string;
  /**
   * The function's arguments, structured-cloned: plain objects, arrays, maps, sets, dates, buffers, errors. A `Lock` or another
   * primitive among them stands for the same resource. A value that would arrive as something else (a function, an object of a
   * class, such as a `URL`) is refused by `start`.
   */
  args?: readonly unknown[];
}

/** A program, for a `Process` to run. */
export interface CommandTarget {
  /** The program and its arguments. No shell interprets them. */
  command: readonly string[];
}

/** The first message to a module's process. */
export interface ModuleOrder {
  module: string;
  exported: string;
  args: Uint8Array;
  daemon: boolean;
  /** As of `Launch`. */
  serves: boolean;
  /** Where it goes first; null if it is there. */
  directory: string | null;
}

/** Options of a `Process`. */
export interface ProcessOptions {
  /** The name in messages. Default: `Process-1`, `Process-2`, … */
  name?: string;
  /** Whether the process is ended when main's code has ended. Default: false. */
  daemon?: boolean;
  /** The time between SIGTERM and SIGKILL, at main's end or in `end()`, in ms. Default: 500. */
  grace?: number;
  /** The working directory, which must exist. Default: main's, as it is at `start`. */
  cwd?: string;
  /** The environment. Default: main's, as it is at `start`. */
  env?: Environment;
  /** Where its output goes: to main's own, to be read from `stdout` and `stderr`, or nowhere. Default: `inherit`. */
  output?: 'inherit' | 'pipe' | 'ignore';
}

/** The command or module that a `Process` runs, and how. */
export type Target = (ModuleTarget | CommandTarget) & ProcessOptions;

const OPTIONS = new OptionNames<ModuleTarget & CommandTarget & ProcessOptions>('new Process(…)', {
  module: true,
  export: true,
  args: true,
  command: true,
  name: true,
  daemon: true,
  grace: true,
  cwd: true,
  env: true,
  output: true,
});

/** @throws {MisuseError} */
export function checkTarget(target: Target): void {
  OPTIONS.check(target);
  const isModule = 'module' in target && target.module !== undefined;
  const isCommand = 'command' in target && target.command !== undefined;
  if (isModule === isCommand) throw new MisuseError('missing target: give either a module or a command');
  if (isModule) checkModule(target as ModuleTarget);
  else checkCommand(target as CommandTarget);
  const { output = 'inherit', cwd, env } = target;
  if (cwd !== undefined && (typeof cwd !== 'string' || cwd === '' || cwd.includes('\0')))
    throw new MisuseError(
      `cwd must be a directory's path, not ${typeof cwd === 'string' ? JSON.stringify(cwd) : typeof cwd}`,
    );
  if (env !== undefined && (typeof env !== 'object' || env === null))
    throw new MisuseError(`env must be an object of strings, not ${env === null ? 'null' : typeof env}`);
  if (!['inherit', 'pipe', 'ignore'].includes(output))
    throw new MisuseError(`output must be inherit, pipe or ignore, not ${String(output)}`);
}

function checkModule({ module, export: exported = 'default', args = [] }: ModuleTarget): void {
  if (typeof module !== 'string' && !(module instanceof URL))
    throw new MisuseError(`module must be a file's URL or path, not ${typeof module}`);
  if (typeof exported !== 'string') throw new MisuseError(`export must be a name, not ${typeof exported}`);
  if (!Array.isArray(args)) throw new MisuseError(`args must be an array, not ${typeof args}`);
  const url = urlOf(module);
  if (url.protocol !== 'file:') throw new MisuseError(`module must be a file, not ${url.href}`);
  // As `import.meta.url` and `__filename` are called in `node -e`, and in a program from standard input.
  if (/\/(%5B|\[)(eval|stdin|worker eval)\d*(%5D|\])$/.test(url.pathname))
    throw new MisuseError(
      'this program has no file, so that no child can load it as a module (it came by `-e` or from standard input): write the function to a file, and give that',
    );
}

function checkCommand({ command }: CommandTarget): void {
  const isGood = Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
  if (!isGood || command[0] === '' || command.some((word: string) => word.includes('\0')))
    throw new MisuseError('command must be an array of strings without NUL: the program, then its arguments');
}

/**
 * @throws {MisuseError} for arguments that cannot be transferred
 */
export function orderOf(
  { module, export: exported = 'default', args = [] }: ModuleTarget,
  traits: Pick<ModuleOrder, 'daemon' | 'serves' | 'directory'>,
): ModuleOrder {
  return { module: urlOf(module).href, exported, args: pack(args, 'args'), ...traits };
}

/** @throws {MisuseError} for a relative path where there is no directory to resolve it from */
export function urlOf(module: URL | string): URL {
  if (module instanceof URL) return module;
  if (module.startsWith('file:')) return new URL(module);
  if (!path.isAbsolute(module) && currentDirectory() === null)
    throw new MisuseError(`module ${module} is relative, and the working directory is gone: give an absolute path`);
  return pathToFileURL(path.resolve(module));
}
