import { type ChildProcess, fork, type StdioOptions, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { GO_FD, heldCommand } from './held-command.ts';
import type { ModuleOrder, Target } from './target.ts';

const PROGRAM = fileURLToPath(new URL('./child-main.js', import.meta.url));
const isWindows = process.platform === 'win32';

/**
 * Starts a process that is held before its own code begins. A daemon leads a process group and a session of
 * its own; on Windows, where neither exists, the system ends our children with us.
 *
 * @throws the system's error, or one that says as much as is known at once
 */
export function launch(target: Target, daemon: boolean): ChildProcess {
  const { cwd, env = process.env, output = 'inherit' } = target;
  const options = { cwd, env, detached: daemon && !isWindows };
  const child =
    'module' in target
      ? fork(PROGRAM, { ...options, stdio: ['ignore', output, output, 'ipc'], serialization: 'advanced' })
      : spawn(...programOf(target.command, env), { ...options, stdio: streamsOf(output, daemon) });
  // Why it could not be started comes as an event, later; that it could not is known now.
  child.on('error', () => undefined);
  if (child.pid === undefined) throw new Error('the system starts no more processes, or there is no such directory');
  return child;
}

/** Lets it begin. Then nothing of it keeps us alive any more. */
export function letGo(child: ChildProcess, order: ModuleOrder | null): void {
  // It may have been killed already; its exit says so better than a broken pipe.
  for (const pipe of child.stdio) pipe?.on('error', () => undefined);
  if (order) child.send(order, () => undefined);
  else (child.stdio[GO_FD] as Writable | null)?.end('\n');
  child.unref();
  child.channel?.unref();
  for (const pipe of child.stdio) (pipe as { unref?: () => void } | null)?.unref?.();
}

function programOf(command: readonly string[], env: NodeJS.ProcessEnv): [file: string, args: string[]] {
  const [file = '', ...words] = command;
  return isWindows ? [file, words] : heldCommand(command, env);
}

function streamsOf(output: 'inherit' | 'pipe' | 'ignore', daemon: boolean): StdioOptions {
  return [daemon ? 'ignore' : 'inherit', output, output, isWindows ? 'ignore' : 'pipe'];
}
