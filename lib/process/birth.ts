import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type Mark, newMark } from '../host/mark.ts';
import { CHILD_FD } from './frame.ts';
import { type HeldCommand, heldCommand, type Inherited } from './held-command.ts';
import { startModule } from './module-process.ts';
import type { Undecoded } from './undecoded.ts';

/** Beyond the descriptors that scripts and shells use. */
const FIRST_LIFELINE_FD = 62;
const isWindows = process.platform === 'win32';

/** The work of the process once it may begin: become a command, or call a module's function, as a serialized `ModuleOrder` says. */
export type Work = { command: readonly string[] } | { order: Uint8Array };

type Output = 'inherit' | 'pipe' | 'ignore' | number;

export interface HeldOptions {
  /** Default: ours. */
  cwd?: string | undefined;
  /** Default: ours. */
  env?: NodeJS.ProcessEnv;
  /** The parts of a command and its environment that Node has no strings for; the command is the end of our own arguments. */
  undecoded?: Undecoded | undefined;
  /** The state that a command is handed on from our own parent. Default: none. */
  inherited?: Inherited | undefined;
  /** Its standard input: ours (default), empty, or to be written here. That of a module is always empty. */
  input?: 'inherit' | 'ignore' | 'pipe';
  /** A descriptor of ours that it inherits, and does not use. */
  lifeline?: number | undefined;
  /** A descriptor of ours that keeps a lock of the kernel's: it inherits that, too, and does not use it. Null: there is none. */
  flocked?: number | null;
  /** Called when the command, and all that inherited from it, have closed the lifeline, as some programs do at their start. */
  onLifelineClosed?: () => void;
  /** Its stdout and stderr: ours (default), to be read here, nowhere, or into this descriptor. */
  output?: Output;
  /** Its stderr, where that is to be another one than its stdout. */
  errors?: Output;
  /**
   * The extent of `end`: the process alone (default), its descendants and its process group (`group`, `tree`), or its
   * descendants, which stay in our group and at our terminal (`descendants`). With `group` and `tree` it leads a group and
   * a session of its own; with `group`, `kill` is for the whole group. On Windows, which has none of these, it is the
   * process alone.
   */
  ends?: 'process' | 'group' | 'tree' | 'descendants';
  /** The mark by which its descendants are found when their ancestors are gone. Default: none; with `descendants`, one of its own. */
  mark?: Mark | undefined;
  /** Whether it keeps our event loop alive when it has begun. Default: true. */
  keepsAlive?: boolean;
}

/** Gives the process a mark where its descendants are to be found by one. */
export function withMark(options: HeldOptions): HeldOptions {
  const mark = options.mark ?? (options.ends === 'descendants' || options.ends === 'tree' ? newMark() : undefined);
  return mark ? { ...options, mark, env: { ...(options.env ?? process.env), [mark.name]: mark.value } } : options;
}

export interface Born {
  child: ChildProcess;
  /** A write into it lets the work begin; null where nothing holds it. */
  gate: Writable | null;
}

/** Starts the process, held. A failure to start is reported by its pid, which is missing, and by a later event. */
export function born(work: Work, options: HeldOptions): Born {
  const one = 'order' in work ? bornOfModule(options) : bornHeld(work.command, options);
  // A signal that it must not get is no reason for us to end. `start` reports the failure to start.
  one.child.on('error', () => undefined);
  return one;
}

function bornOfModule(options: HeldOptions): Born {
  const child = startModule(options.output ?? 'inherit', settingsOf(options));
  return { child, gate: child.stdio[CHILD_FD] as Writable | null };
}

function settingsOf({ cwd, env = process.env, ends = 'process' }: HeldOptions) {
  return { cwd, env, detached: (ends === 'group' || ends === 'tree') && !isWindows };
}

function bornHeld(command: readonly string[], options: HeldOptions): Born {
  const held = heldOrNot(command, options);
  const { stdio, noticeFd } = streamsOf(options, held.goFd);
  const settings = settingsOf(options);
  const child = spawn(held.file, held.args, { ...settings, env: { ...settings.env, ...held.env }, stdio });
  const notice = noticeFd === null ? null : (child.stdio[noticeFd] as Readable | null);
  // It is only there to be closed, and must not keep us.
  notice?.on('error', () => undefined).once('close', () => options.onLifelineClosed?.());
  notice?.resume();
  (notice as { unref?: () => void } | null)?.unref?.();
  return { child, gate: held.goFd === null ? null : (child.stdio[held.goFd] as Writable | null) };
}

/** Windows has nothing to hold a command with. */
function heldOrNot(command: readonly string[], options: HeldOptions): HeldCommand {
  const [file = '', ...args] = command;
  if (isWindows) return { file, args, goFd: null, env: {} };
  const { cwd = '.', env = process.env, undecoded, inherited } = options;
  return heldCommand(command, env, { cwd, undecoded, inherited });
}

interface Streams {
  stdio: StdioOptions;
  /** The descriptor beside the lifeline, whose other end shows when the two were closed. */
  noticeFd: number | null;
}

function streamsOf(
  { input = 'inherit', output = 'inherit', errors = output, lifeline, flocked = null, inherited }: HeldOptions,
  goFd: number | null,
): Streams {
  const given = inherited?.descriptors ?? [];
  const stdio: Array<'inherit' | 'ignore' | 'pipe' | number> = [input, output, errors];
  const put = (fd: number, stream: 'pipe' | number) => {
    while (stdio.length <= fd) stdio.push('ignore');
    stdio[fd] = stream;
  };
  for (const fd of given) put(fd, fd);
  if (goFd !== null) put(goFd, 'pipe');
  const [lifelineFd, noticeFd] = freeFrom(FIRST_LIFELINE_FD, given);
  if (flocked !== null) put(freeFrom(noticeFd + 1, given)[0], flocked);
  if (lifeline === undefined) return { stdio, noticeFd: null };
  put(lifelineFd, lifeline);
  put(noticeFd, 'pipe');
  return { stdio, noticeFd };
}

/** The two lowest descriptors from a first one that are not used. */
function freeFrom(first: number, used: readonly number[]): [number, number] {
  const next = (from: number): number => (used.includes(from) ? next(from + 1) : from);
  const one = next(first);
  return [one, next(one + 1)];
}
