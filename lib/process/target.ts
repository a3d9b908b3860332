import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MisuseError } from '../errors.ts';
import { OptionNames } from '../options/option-names.ts';
import { pack } from './argument-codec.ts';

/** A module's exported function, for a `Process` to run in a process of its own. */
export interface ModuleTarget {
  /** The module's file, as a URL or a path. */
  module: URL | string;
  /** The name under which the function is exported. Default: `default`. */
  export?: string;
  /** The function's arguments, structured-cloned. A `Lock` or another primitive among them stands for the same resource. */
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
}

/** Options of a `Process`. */
export interface ProcessOptions {
  /** The name in messages. Default: `Process-1`, `Process-2`, … */
  name?: string;
  /** Whether the process is ended when main's code has ended. Default: false. */
  daemon?: boolean;
  /** The time between SIGTERM and SIGKILL, at main's end or in `end()`, in ms. Default: 500. */
  grace?: number;
  /** The working directory. Default: main's, as it is at `start`. */
  cwd?: string;
  /** The environment. Default: main's, as it is at `start`. */
  env?: NodeJS.ProcessEnv;
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
  const { output = 'inherit' } = target;
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
}

function checkCommand({ command }: CommandTarget): void {
  const isGood = Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
  if (!isGood || command[0] === '' || command.some((word: string) => word.includes('\0')))
    throw new MisuseError('command must be an array of strings without NUL: the program, then its arguments');
}

/** @throws {MisuseError} for arguments that cannot be transferred */
export function orderOf(
  { module, export: exported = 'default', args = [] }: ModuleTarget,
  daemon: boolean,
): ModuleOrder {
  return { module: urlOf(module).href, exported, args: pack(args), daemon };
}

function urlOf(module: URL | string): URL {
  if (module instanceof URL) return module;
  return module.startsWith('file:') ? new URL(module) : pathToFileURL(path.resolve(module));
}
