import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MisuseError } from '../errors.ts';
import { pack } from './argument-codec.ts';

/** A function that a module exports, and its arguments. */
export interface ModuleTarget {
  /** A file's URL or path. */
  module: URL | string;
  /** Default: `default`. */
  export?: string;
  /** Structured-cloned. A `Lock` or another primitive among them is the same resource there. */
  args?: readonly unknown[];
}

/** A program and its words. No shell reads them. */
export interface CommandTarget {
  command: readonly string[];
}

/** What a module's process is told first. */
export interface ModuleOrder {
  module: string;
  exported: string;
  args: Uint8Array;
  daemon: boolean;
}

export interface ProcessOptions {
  /** What to call it. Default: `Process-1`, `Process-2`, … */
  name?: string;
  /** Whether it ends when main's code ends. Default: false. */
  daemon?: boolean;
  /** How long it may take to end after the SIGTERM of main's end, or of `end()`, in ms, before SIGKILL. Default 500. */
  grace?: number;
  /** Default: main's, as it is at `start`. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Its output: main's own (default), to be read from `stdout` and `stderr`, or nowhere. */
  output?: 'inherit' | 'pipe' | 'ignore';
}

/** What a `Process` is made of. */
export type Target = (ModuleTarget | CommandTarget) & ProcessOptions;

/** @throws {MisuseError} */
export function checkTarget(target: Target): void {
  const isModule = 'module' in target && target.module !== undefined;
  const isCommand = 'command' in target && target.command !== undefined;
  if (isModule === isCommand) throw new MisuseError('say what to run: either a module or a command');
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
    throw new MisuseError('command must be an array of strings without NUL: the program, then its words');
}

/** @throws {MisuseError} for arguments that cannot be handed over */
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
