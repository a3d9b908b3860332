import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Random } from './random.ts';
import type { TroubleName } from './settings.ts';

const CLOCK_JUMP = new URL('./clock-jump.js', import.meta.url).href;
const DOOM = new URL('./doom.js', import.meta.url).href;
const DEAF = new URL('./deaf.js', import.meta.url).href;
/** In a user namespace of its own a process can set its own inotify limit, without affecting other processes. */
const WITHOUT_INOTIFY = ['unshare', '--user', '--map-root-user', 'sh', '-c'];
const EXHAUST = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"';

export const COMMAND = fileURLToPath(new URL('./command.js', import.meta.url));
export const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The way to start a process. */
export interface Start {
  words: readonly [string, ...string[]];
  env: NodeJS.ProcessEnv;
  /** Whether it kills or stops itself at some call. */
  doomed: boolean;
}

/** The conditions under which a process is started: with a clock that jumps, without file notifications. */
export class Surroundings {
  /** How file notifications are disabled. */
  readonly deafness: 'a user namespace' | 'a shim';
  readonly #mark: string;
  readonly #without: readonly TroubleName[];
  jumping = 0;
  deaf = 0;
  doomed = 0;

  constructor(mark: string, without: readonly TroubleName[]) {
    this.#mark = mark;
    this.#without = without;
    this.deafness = canExhaustInotify() ? 'a user namespace' : 'a shim';
  }

  /** The words of a command line that runs a program under Node, and its environment. */
  for(program: readonly string[], random: Random): Start {
    const env: NodeJS.ProcessEnv = { ...plainEnvironment(), LOCKSTEP_CHAOS: this.#mark };
    const node: [string, ...string[]] = [process.execPath];
    if (random.chance(0.3) && !this.#without.includes('clock')) {
      this.jumping += 1;
      node.push('--import', CLOCK_JUMP);
      env.CHAOS_CLOCK = String(random.seed());
    }
    const doomed = random.chance(0.4) && !this.#without.includes('doom');
    if (doomed) {
      this.doomed += 1;
      node.push('--import', DOOM);
      env.CHAOS_DOOM = String(random.seed());
    }
    if (!random.chance(0.25) || this.#without.includes('inotify')) return { words: [...node, ...program], env, doomed };
    this.deaf += 1;
    if (this.deafness === 'a shim') return { words: [...node, '--import', DEAF, ...program], env, doomed };
    const [first, ...rest] = WITHOUT_INOTIFY as [string, ...string[]];
    return { words: [first, ...rest, EXHAUST, ...node, ...program], env, doomed };
  }
}

function canExhaustInotify(): boolean {
  const [first, ...rest] = WITHOUT_INOTIFY as [string, ...string[]];
  const watch = "try { require('fs').watch('/'); process.exit(1) } catch { process.exit(0) }";
  try {
    execFileSync(first, [...rest, EXHAUST, process.execPath, '-e', watch], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Our environment without variables that our parent may have set. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, LOCKSTEP_DIR: _directory, ...rest } = process.env;
  return rest;
}
