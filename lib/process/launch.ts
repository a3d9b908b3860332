import { serialize } from 'node:v8';
import { LockstepError } from '../errors.ts';
import type { HeldOptions } from './birth.ts';
import { children } from './children.ts';
import { HeldProcess } from './held-process.ts';
import { type CommandTarget, orderOf, type Target } from './target.ts';
import { directoryProblem, startDirectory } from './working-directory.ts';

export interface Launch {
  /** The name in messages. */
  name: string;
  target: Target;
  daemon: boolean;
  graceMs: number;
  handedOn: HandedOn;
  /** Whether the function is called with item after item (`map-service.ts`), and the arguments are where those come from. Default: false. */
  serves?: boolean;
}

/** The state that a wrapper hands on to a command from its own parent; and the descriptors of its output, where it has made them itself. */
export type HandedOn = Pick<HeldOptions, 'undecoded' | 'inherited' | 'output' | 'errors'>;

/**
 * Starts the process of a target, held. A daemon is watched before it may begin, so that there is no moment at which it runs
 * and nobody would end it.
 *
 * @throws {MisuseError} for arguments that cannot be transferred
 * @throws {LockstepError} `START_FAILED`; nothing was started then
 */
export function launch({ name, target, daemon, graceMs, handedOn, serves = false }: Launch): HeldProcess {
  const { cwd, env = process.env, output = 'inherit' } = target;
  const isModule = 'module' in target;
  const elsewhere = isModule ? startDirectory(cwd, env) : null;
  const work = isModule
    ? {
        order: serialize(
          orderOf(target, { daemon, serves, directory: elsewhere === null ? null : (cwd ?? process.cwd()) }),
        ),
      }
    : { command: (target as CommandTarget).command };
  const [input, ends] = daemon ? (['ignore', 'group'] as const) : (['inherit', 'process'] as const);
  const common = { cwd: elsewhere ?? cwd, env, input, output, ends, keepsAlive: false, ...handedOn };
  try {
    // The system's own error would not say why.
    const problem = cwd === undefined ? null : directoryProblem(cwd);
    if (problem !== null) throw new Error(problem);
    if (!daemon || process.platform === 'win32') return HeldProcess.startNow(work, common);
    children.guardian.start();
    const mark = children.guardian.mark();
    const held = HeldProcess.startNow(work, { ...common, mark });
    children.guardian.watch(held.pid, graceMs, mark);
    return held;
  } catch (cause) {
    const words = `${name} could not be started: ${(cause as Error).message}. Nothing was started.`;
    throw new LockstepError('START_FAILED', words, { operation: 'start', resource: name, cause });
  }
}
