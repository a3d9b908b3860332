import type { Findings } from './findings.ts';
import { CommandMember, type Member, WorkerMember } from './member.ts';
import type { Random } from './random.ts';
import type { Ground, Section } from './scenery.ts';
import type { Settings } from './settings.ts';
import { CLI, COMMAND, type Start, WORKER } from './surroundings.ts';
import type { Weather } from './weather.ts';
import type { WorkerSetup } from './worker-setup.ts';

/** The share of processes that are command lines; the others use the library. */
const COMMANDS = 1 / 6;
/** The longest pause before the next command line: each holds its lock for as long as Node takes to start. */
const COMMAND_REST_MS = 2_000;
const TICK_MS = 200;

export interface CrowdOptions {
  ground: Ground;
  /** Those that command lines enter. */
  sections: readonly [Section, ...Section[]];
  weather: Weather;
  findings: Findings;
  random: Random;
  settings: Settings;
  surroundings: Circumstances;
}

/** Decides under which conditions a process is started. */
export interface Circumstances {
  /** `program`: its words, for the place that its store has there. */
  for(program: (store: string) => readonly string[], random: Random): Start;
}

/** The processes. Each is replaced when it ends. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #members = new Set<Member>();
  readonly #isStopped: (member: Member) => boolean;
  readonly #ticks: NodeJS.Timeout;
  #stuck: Member | null = null;
  #open = true;
  started = 0;
  /** The number of processes that killed themselves. */
  suicides = 0;

  /** `isStopped`: whether a process cannot make progress. */
  constructor(options: CrowdOptions, isStopped: (member: Member) => boolean) {
    this.#options = options;
    this.#isStopped = isStopped;
    this.#ticks = setInterval(() => this.#tick(), TICK_MS);
    const { processes } = options.settings;
    const commands = Math.max(1, Math.round(processes * COMMANDS));
    for (let at = 0; at < processes; at++) this.#start(at < commands ? 'command' : 'worker');
  }

  /** The processes that may have stopped themselves. */
  get doomed(): Member[] {
    return [...this.#members].filter(({ doomed }) => doomed);
  }

  /** The processes that may be signalled. */
  get members(): Member[] {
    return [...this.#members].filter(({ ready }) => ready);
  }

  /** A process that has made no progress for too long, or null. */
  get stuck(): Member | null {
    return this.#stuck;
  }

  /** Stops replacing processes and asks all to finish. Resolves when they have, or one is stuck. */
  async close(): Promise<void> {
    this.#open = false;
    while (this.#members.size > 0 && !this.#stuck) {
      for (const member of this.#members) member.finish();
      // No more trouble comes from outside, but a doomed process may still stop itself.
      for (const member of this.doomed) member.signal('SIGCONT');
      const tick = new Promise((resolve) => setTimeout(resolve, TICK_MS));
      await Promise.race([tick, Promise.all([...this.#members].map(({ ended }) => ended))]);
    }
  }

  end(): void {
    this.#open = false;
    clearInterval(this.#ticks);
    for (const member of this.#members) member.signal('SIGKILL');
  }

  #start(kind: 'command' | 'worker'): void {
    const member = kind === 'worker' ? this.#worker() : this.#command();
    this.started += 1;
    this.#members.add(member);
    void member.ended.then(() => {
      this.#members.delete(member);
      if (member.killedItself) this.suicides += 1;
      const restMs = kind === 'command' ? this.#options.random.whole(0, COMMAND_REST_MS) : 0;
      if (this.#open) setTimeout(() => this.#open && this.#start(kind), restMs);
    });
  }

  #worker(): Member {
    const { ground, random, settings, surroundings } = this.#options;
    const setup = { root: ground.root, seed: random.seed(), breaks: settings.breaks };
    const program = (store: string) => [WORKER, JSON.stringify({ ...setup, store } satisfies WorkerSetup)];
    return new WorkerMember(surroundings.for(program, random), this.#options);
  }

  #command(): Member {
    const { ground, random, sections, surroundings } = this.#options;
    const section = random.pick(sections);
    const [ask, ...kind] = this.#ask(section);
    const patience = random.weighted({ '': 6, '-n': 1, '-w 1s': 2 }).split(' ').filter(Boolean);
    const command = [process.execPath, COMMAND, ground.root, section.name, String(ask), String(random.seed())];
    const words = (store: string) => ['--store', store, ...kind, ...patience, '--', ...command, store];
    const start = surroundings.for((store) => [CLI, 'run', section.name, ...words(store)], random);
    return new CommandMember(start, patience.length > 0, this.#options);
  }

  #ask({ kind, permits }: Section): [ask: number, ...options: string[]] {
    const { random } = this.#options;
    if (kind === 'semaphore') {
      const take = random.whole(1, permits);
      return [take, '-p', String(permits), '--take', String(take)];
    }
    return kind === 'rwlock' && random.chance(0.7) ? [0, '-s'] : [1];
  }

  /** Counts ticks instead of time: when the whole machine is busy or was paused, so are the processes. */
  #tick(): void {
    const { weather, settings } = this.#options;
    if (weather.isBad) return;
    for (const member of this.#members) {
      if (this.#isStopped(member)) continue;
      member.idleMs += TICK_MS;
      if (member.idleMs > settings.stuckSeconds * 1_000) this.#stuck ??= member;
    }
  }
}
