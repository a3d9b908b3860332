import type { Circumstances } from '../crowd.ts';
import type { Random } from '../random.ts';
import type { TroubleName } from '../settings.ts';
import { CLOCK_JUMP, CONTAINER, canStart, plainEnvironment, type Start } from '../surroundings.ts';
import type { Network } from './network.ts';
import { PREFIX } from './scenery.ts';
import type { Servers } from './servers.ts';

/** The share of processes in a container: nobody else sees whether they live, so that only the end of their lease frees what they held. */
const CONTAINERS = 0.2;
const JUMPING = 0.3;

export interface EtcdSurroundingsOptions {
  network: Network;
  servers: Servers;
  mark: string;
  without: readonly TroubleName[];
  /** An empty directory in which containers see the processes outside. */
  proc: string;
  /** For what Lockstep keeps on this machine. */
  cache: string;
  disk: string;
}

/** The conditions under which a process with a store on etcd is started: at one of the sites, in a container, with a clock that jumps. */
export class EtcdSurroundings implements Circumstances {
  readonly canContain: boolean;
  readonly #options: EtcdSurroundingsOptions;
  containers = 0;
  jumping = 0;

  constructor(options: EtcdSurroundingsOptions) {
    this.#options = options;
    this.canContain = canStart(CONTAINER, { CHAOS_PROC: options.proc });
  }

  for(program: (store: string) => readonly string[], random: Random): Start {
    const { network, servers } = this.#options;
    const site = random.whole(0, network.size - 1);
    const env = this.environment();
    const words = [...network.words(site)];
    const contained = random.chance(CONTAINERS) && this.canContain && !this.#without('container');
    if (contained) {
      this.containers += 1;
      words.push(...CONTAINER);
      env.CHAOS_PROC = this.#options.proc;
    }
    words.push(process.execPath);
    if (random.chance(JUMPING) && !this.#without('clock')) {
      this.jumping += 1;
      words.push('--import', CLOCK_JUMP);
      env.CHAOS_CLOCK = String(random.seed());
    }
    words.push(...program(servers.url(site, PREFIX)));
    return { words: words as [string, ...string[]], env, doomed: false, contained };
  }

  environment(): NodeJS.ProcessEnv {
    const { mark, cache, disk } = this.#options;
    return { ...plainEnvironment(), LOCKSTEP_CHAOS: mark, XDG_CACHE_HOME: cache, LOCKSTEP_DIR: disk };
  }

  #without(trouble: TroubleName): boolean {
    return this.#options.without.includes(trouble);
  }
}
