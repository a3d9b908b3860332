import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Circumstances } from './crowd.ts';
import type { Random } from './random.ts';
import type { TroubleName } from './settings.ts';

export const CLOCK_JUMP = new URL('./clock-jump.js', import.meta.url).href;
const DOOM = new URL('./doom.js', import.meta.url).href;
const DEAF = new URL('./deaf.js', import.meta.url).href;
/** In a user namespace of its own a process can set its own inotify limit, without affecting other processes. */
const WITHOUT_INOTIFY = ['unshare', '--user', '--map-root-user', 'sh', '-c'];
const EXHAUST = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"';

/**
 * A pid namespace of its own, in which a shell is the first process. When `unshare` is killed everything in it is. The
 * detectors in it need the pids that are valid outside.
 */
export const CONTAINER = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount --bind /proc "$CHAOS_PROC" && exec unshare --pid --mount --fork --kill-child --mount-proc sh -c \'"$@"; exit $?\' sh "$@"',
  'sh',
];
/** Some containers are shown a boot id of their own. */
const OTHER_BOOT = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount --bind "$CHAOS_BOOT" /proc/sys/kernel/random/boot_id && exec "$@"',
  'sh',
];

export const COMMAND = fileURLToPath(new URL('./command.js', import.meta.url));
export const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The shares of processes in a container, and of those that are shown another boot id. */
const CONTAINERS = 0.2;
const OTHER_BOOTS = 0.15;

/** The way to start a process. */
export interface Start {
  words: readonly [string, ...string[]];
  env: NodeJS.ProcessEnv;
  /** Whether it kills or stops itself at some call. */
  doomed: boolean;
  /** Whether it is in a container, which is killed whole. */
  contained: boolean;
}

export interface SurroundingsOptions {
  mark: string;
  without: readonly TroubleName[];
  /** An empty directory in which containers see the processes outside. */
  proc: string;
  /** For what the command line keeps for its later calls. */
  cache: string;
  /** A file with a boot id that is not this kernel's. */
  boot: string;
  /** The directory of the store. */
  store: string;
}

/** The conditions under which a process is started: with a clock that jumps, without file notifications, in a container. */
export class Surroundings implements Circumstances {
  /** How file notifications are disabled. */
  readonly deafness: 'a user namespace' | 'a shim';
  /** Whether pid and mount namespaces can be made here. */
  readonly canContain: boolean;
  readonly #options: SurroundingsOptions;
  jumping = 0;
  deaf = 0;
  doomed = 0;
  containers = 0;
  otherBoots = 0;

  constructor(options: SurroundingsOptions) {
    this.#options = options;
    this.canContain = this.#canStart(CONTAINER) && this.#canStart(OTHER_BOOT);
    this.deafness = canExhaustInotify() ? 'a user namespace' : 'a shim';
  }

  /** The words of a command line that runs a program under Node, and its environment. */
  for(program: (store: string) => readonly string[], random: Random): Start {
    const { mark, cache } = this.#options;
    const env: NodeJS.ProcessEnv = { ...plainEnvironment(), LOCKSTEP_CHAOS: mark, XDG_CACHE_HOME: cache };
    const node: [string, ...string[]] = [process.execPath];
    const words = program(this.#options.store);
    if (random.chance(0.3) && !this.#without('clock')) {
      this.jumping += 1;
      node.push('--import', CLOCK_JUMP);
      env.CHAOS_CLOCK = String(random.seed());
    }
    const start = (line: readonly string[], contained = false): Start => ({
      ...{ words: [...line] as [string, ...string[]], env, doomed: doomed && !contained, contained },
    });
    const where = random.next();
    const contained = where < CONTAINERS && this.#has('container');
    const doomed = random.chance(0.4) && !contained && !this.#without('doom');
    if (doomed) {
      this.doomed += 1;
      node.push('--import', DOOM);
      env.CHAOS_DOOM = String(random.seed());
    }
    if (contained) {
      this.containers += 1;
      env.CHAOS_PROC = this.#options.proc;
      return start([...CONTAINER, ...node, ...words], true);
    }
    if (where > 1 - OTHER_BOOTS && this.#has('boot')) {
      this.otherBoots += 1;
      env.CHAOS_BOOT = this.#options.boot;
      return start([...OTHER_BOOT, ...node, ...words]);
    }
    if (!random.chance(0.25) || this.#without('inotify')) return start([...node, ...words]);
    this.deaf += 1;
    if (this.deafness === 'a shim') return start([...node, '--import', DEAF, ...words]);
    return start([...WITHOUT_INOTIFY, EXHAUST, ...node, ...words]);
  }

  #without(trouble: TroubleName): boolean {
    return this.#options.without.includes(trouble);
  }

  #has(trouble: TroubleName): boolean {
    return this.canContain && !this.#without(trouble);
  }

  #canStart(words: readonly string[]): boolean {
    return canStart(words, { CHAOS_PROC: this.#options.proc, CHAOS_BOOT: this.#options.boot });
  }
}

/** Whether a way to start a program works here. */
export function canStart([first = '', ...rest]: readonly string[], variables: NodeJS.ProcessEnv): boolean {
  const env = { ...process.env, ...variables };
  try {
    execFileSync(first, [...rest, 'true'], { stdio: 'ignore', env });
    return true;
  } catch {
    return false;
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

/** Variables of our parent that change how our processes work. Tests find processes that they left behind by `LOCKSTEP_TEST_RUN`. */
const FOREIGN = /^(NODE_OPTIONS|LOCKSTEP_(?!TEST_RUN$).*)$/;

/** Our environment without variables that our parent may have set. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
}
