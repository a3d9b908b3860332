import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Crowd } from './crowd.ts';
import type { SmallDisk } from './disk.ts';
import type { Excuses } from './etcd/excuses.ts';
import { isLiving, type Life, nowMs, pidOf, statOf } from './life.ts';
import { Markers } from './markers.ts';
import { CommandMember, type Member } from './member.ts';
import type { Random } from './random.ts';
import { type Ground, PATIENCE_MS, type Section } from './scenery.ts';
import type { Settings, TroubleName } from './settings.ts';

const WEIGHTS = { kill: 45, stop: 42, terminate: 13 };
/** The average time between two troubles, for 24 processes. */
const GAP_MS = 150;
const STOP_SHORT_MS = [5, 300] as const;
const STOP_LONG_MS = [PATIENCE_MS + 200, PATIENCE_MS * 3] as const;
const LOOK_MS = 25;
/** The number of attempts to catch a process inside, and of checks that the signal has arrived. */
const CATCHES = 20;
const LOOKS = 1_000;
const CONTAINER_MS = [300, 2_000] as const;
const EMPTY_MS = [1_000, 4_000] as const;
const FULL_MS = [50, 1_200] as const;
/** Less than the length of a JSON file. */
const MOST_LEFT_BYTES = 400 * 1024;

export interface TroubleOptions {
  ground: Ground;
  /** The disk that is filled up, if one is. */
  disk: SmallDisk | null;
  sections: readonly [Section, ...Section[]];
  /** The length of a long stop. Default: longer than heartbeats are waited for. */
  longStopMs?: readonly [number, number];
  /** The average time between two troubles. Default: by the number of processes. */
  gapMs?: number;
  /** Is told which processes are stopped, and which go on. */
  onStop?: Pick<Excuses, 'stopped' | 'resumed'>;
  random: Random;
  settings: Settings;
}

interface Victim {
  member: Member;
  /** Its process that is inside a section, and stopped there. */
  inside: Life | null;
}

/** Makes trouble for the crowd. */
export class Trouble {
  readonly #options: TroubleOptions;
  /** The stopped processes, by pid or the negative number of a process group, with the timers that resume them. */
  readonly #stopped = new Map<number, NodeJS.Timeout>();
  #longUntil = 0;
  kills = 0;
  /** The number of kills that ended a whole container. */
  containerKills = 0;
  stops = 0;
  /** The number of stops that were longer than the keepalive patience. */
  longStops = 0;
  terminations = 0;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  isStopped({ pid }: Pick<Member, 'pid'>): boolean {
    return this.#stopped.has(pid) || this.#stopped.has(-pid);
  }

  /** Resolves when the time is over or `signal` aborts. */
  async make(crowd: Crowd, signal: AbortSignal): Promise<void> {
    const { random, disk } = this.#options;
    const loops = [this.#signalAround(crowd, random, signal), this.#wake(crowd, random, signal)];
    if (!this.#without('kill')) loops.push(this.#endContainers(crowd, random, signal));
    if (disk?.missing === null && !this.#without('disk')) loops.push(this.#fillUp(disk, random, signal));
    await Promise.all(loops);
  }

  /** Resumes every process, and frees the disk. */
  end(crowd: Crowd): void {
    for (const { pid } of crowd.doomed) send(pid, 'SIGCONT');
    for (const pid of [...this.#stopped.keys()]) this.#goOn(pid);
    this.#options.disk?.free();
  }

  #without(trouble: TroubleName): boolean {
    return this.#options.settings.without.includes(trouble);
  }

  async #signalAround(crowd: Crowd, random: Random, signal: AbortSignal): Promise<void> {
    const { gapMs = (GAP_MS * 24) / Math.max(8, this.#options.settings.processes) } = this.#options;
    while (await elapsed(random.whole(0, 2 * gapMs), signal)) {
      const what = random.weighted(WEIGHTS);
      if (this.#without(what)) continue;
      const victim = (random.chance(0.6) && this.#caught(crowd, random)) || this.#anybody(crowd, random);
      if (!victim) continue;
      if (what === 'stop') this.#stop(victim, random);
      else if (what === 'kill') this.#kill(victim, random);
      else if (victim.member.signal('SIGTERM')) this.terminations += 1;
      // The victim is stopped so far. The signal sent above takes effect first.
      if (victim.inside && what !== 'stop') send(pidOf(victim.inside), 'SIGCONT');
    }
  }

  async #fillUp(disk: SmallDisk, random: Random, signal: AbortSignal): Promise<void> {
    while (await elapsed(random.whole(...EMPTY_MS), signal)) {
      disk.fill(random.chance(0.4) ? 0 : random.whole(1, MOST_LEFT_BYTES));
      await elapsed(random.whole(...FULL_MS), signal);
      disk.free();
    }
  }

  /** Kills containers whole: all processes in one end at the same moment. */
  async #endContainers(crowd: Crowd, random: Random, signal: AbortSignal): Promise<void> {
    while (await elapsed(random.whole(...CONTAINER_MS), signal)) {
      const [member] = crowd.members.filter(({ contained }) => contained);
      if (member) this.#kill({ member, inside: null }, random);
    }
  }

  /** Resumes, after a while, processes that have stopped themselves. */
  async #wake(crowd: Crowd, random: Random, signal: AbortSignal): Promise<void> {
    while (await elapsed(LOOK_MS, signal)) {
      for (const { pid } of crowd.doomed) {
        if (!this.#stopped.has(pid) && !this.#stopped.has(-pid) && isStopped(pid))
          this.#noteStop(pid, random, this.#isInside(pid));
      }
    }
  }

  #isInside(pid: number): boolean {
    const { ground, sections } = this.#options;
    return sections.some(({ name }) => Markers.inside(ground.traces(name)).some((life) => pidOf(life) === pid));
  }

  #anybody(crowd: Crowd, random: Random): Victim | null {
    const members = crowd.members.filter((member) => !this.isStopped(member));
    return members.length > 0 ? { member: random.pick(members as [Member, ...Member[]]), inside: null } : null;
  }

  /**
   * A process that is inside a section, and stopped there. Most visits last less than a millisecond, and a process
   * mostly waits: so a process that was seen inside is stopped first, and then checked again.
   */
  #caught(crowd: Crowd, random: Random): Victim | null {
    for (let tries = 0; tries < CATCHES; tries++) {
      const section = this.#options.ground.traces(random.pick(this.#options.sections).name);
      const inside = Markers.inside(section).filter(isLiving);
      if (inside.length === 0) continue;
      const life = random.pick(inside as [Life, ...Life[]]);
      // A worker itself is inside; for `lockstep run` it is the command, in the group that the wrapper leads.
      const leader = groupOf(pidOf(life));
      const member = crowd.members.find(({ pid }) => pid === pidOf(life) || pid === leader);
      if (!member || this.isStopped(member) || !send(pidOf(life), 'SIGSTOP')) continue;
      for (let looks = 0; looks < LOOKS && !isStopped(pidOf(life)) && isLiving(life); looks++);
      if (isLiving(life) && Markers.inside(section).includes(life)) return { member, inside: life };
      send(pidOf(life), 'SIGCONT');
    }
    return null;
  }

  #kill({ member, inside }: Victim, random: Random): void {
    this.kills += 1;
    // The command alone, both, or the wrapper alone: then the command goes on, and keeps the lock.
    const isCommand = inside !== null && pidOf(inside) !== member.pid;
    const which = isCommand ? random.pick(['command', 'group', 'wrapper']) : 'wrapper';
    if (which === 'wrapper') {
      if (member.signal('SIGKILL') && member.contained) this.containerKills += 1;
    } else {
      member.disturbed('SIGKILL');
      if (inside) send(which === 'group' ? -member.pid : pidOf(inside), 'SIGKILL');
    }
  }

  #stop({ member, inside }: Victim, random: Random): void {
    const { processes } = this.#options.settings;
    const isEnough = this.#stopped.size >= Math.max(2, processes / 8);
    const inGroup = member instanceof CommandMember && (inside !== null || random.chance(0.5));
    const pid = inGroup ? -member.pid : member.pid;
    if (!isEnough && send(pid, 'SIGSTOP')) this.#noteStop(pid, random, inside !== null);
    else if (inside) send(pidOf(inside), 'SIGCONT');
  }

  #noteStop(pid: number, random: Random, inside: boolean): void {
    // One at a time: a line cannot move while a stopped process holds the resource.
    const long = this.#longUntil < nowMs() && random.chance(inside ? 0.5 : 0.1);
    const ms = random.whole(...(long ? (this.#options.longStopMs ?? STOP_LONG_MS) : STOP_SHORT_MS));
    this.#options.onStop?.stopped(stoppedBy(pid));
    this.stops += 1;
    if (long) this.longStops += 1;
    if (long) this.#longUntil = nowMs() + ms;
    this.#stopped.set(
      pid,
      setTimeout(() => this.#goOn(pid), ms),
    );
  }

  #goOn(pid: number): void {
    clearTimeout(this.#stopped.get(pid));
    this.#stopped.delete(pid);
    send(pid, 'SIGCONT');
    this.#options.onStop?.resumed(stoppedBy(pid));
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** The processes that a signal to a pid, or to the negative number of a process group, reaches. */
function stoppedBy(pid: number): number[] {
  if (pid > 0) return [pid];
  const all = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((one) => groupOf(one) === -pid);
}

function isStopped(pid: number): boolean {
  return statOf(pid)[0] === 'T';
}

function groupOf(pid: number): number {
  return Number(statOf(pid)[2] ?? 0);
}

/** Resolves to false if the signal has aborted. */
async function elapsed(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false);
}
