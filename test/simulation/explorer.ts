import { DIRECTORY, openResource } from './programs.ts';
import { type EpochTruth, Reference } from './reference.ts';
import { type Call, describe, done, type Outcome, perform } from './sim-call.ts';
import { ContentPool, SimDisk } from './sim-disk.ts';
import { directHost } from './sim-host.ts';
import { type Program, SimProcess, type Stop } from './sim-process.ts';

export interface ExploreOptions {
  programs: Program[];
  /** How many processes may be killed in one run. */
  crashes: number;
  /** How often in one run a process may be switched away from that could have gone on. Default: no bound. */
  switches?: number;
  /** How far the monotonic clocks tick at each look. */
  tickMs?: number;
  /** Where to start exploring: each process in turn goes on until its next call is such. */
  prelude?: Array<{ process: number; until: (call: Call) => boolean }>;
  maxStates?: number;
}

export interface Exploration {
  states: number;
  steps: number;
  ends: number;
  deepest: number;
  /** Runs of the library: different lives of the processes, without those that are the same. */
  lives: number;
}

/** A property that does not hold, with the schedule that leads there. */
export class Violation extends Error {}

interface State {
  readonly disk: SimDisk;
  readonly stops: readonly Stop[];
  readonly isDead: readonly boolean[];
  /** The ground truth: the highest epoch ever linked, its inode, and what counted before it. */
  readonly epoch: number;
  readonly inode: string;
  readonly past: string;
  /** The highest ticket that ever held. */
  readonly lastHeld: number;
  /** Who went last, and how often another went though it could have; both −1 where that is not bounded. */
  readonly last: number;
  readonly switches: number;
}

interface Step {
  readonly who: string;
  readonly call: Call | 'is killed';
  readonly outcome: Outcome;
}

const IDENTITIES = [
  { key: 'a', pid: 101, wallMicros: 10 },
  { key: 'b', pid: 102, wallMicros: 1 },
  { key: 'c', pid: 103, wallMicros: 5 },
];
const EPOCH = /^journal\.(\d+)$/;

/** Explores every interleaving of the programs, calls apart. @throws {Violation} */
export function explore(options: ExploreOptions): Exploration {
  return new Explorer(options).explore();
}

class Explorer {
  readonly #options: ExploreOptions;
  readonly #processes: SimProcess[];
  readonly #reference = new Reference();
  readonly #visited = new Set<string>();
  readonly #countedAt = new Map<string, ReadonlySet<string>>();
  readonly #short = new Map<string, number>();
  readonly #proved = new Set<string>();
  readonly #trace: Step[] = [];
  readonly #isBounded: boolean;
  #steps = 0;
  #ends = 0;
  #deepest = 0;

  constructor(options: ExploreOptions) {
    this.#options = options;
    this.#isBounded = options.switches !== undefined;
    this.#processes = options.programs.map((program, at) => {
      const identity = IDENTITIES[at];
      if (!identity) throw new RangeError('too many programs');
      return new SimProcess({ ...identity, tickMs: options.tickMs ?? 0 }, program);
    });
  }

  explore(): Exploration {
    const disk = new SimDisk(new ContentPool());
    disk.makeDirectory(DIRECTORY);
    let state: State = {
      disk,
      stops: this.#processes.map((process) => process.start),
      isDead: this.#processes.map(() => false),
      epoch: 0,
      inode: '',
      past: '',
      lastHeld: 0,
      last: -1,
      switches: this.#isBounded ? 0 : -1,
    };
    for (const { process, until } of this.#options.prelude ?? []) state = this.#goOn(state, process, until);
    this.#visit(state, 0);
    return {
      states: this.#visited.size,
      steps: this.#steps,
      ends: this.#ends,
      deepest: this.#deepest,
      lives: this.#processes.reduce((sum, process) => sum + process.stops, 0),
    };
  }

  #goOn(from: State, process: number, until: (call: Call) => boolean): State {
    let state = from;
    for (;;) {
      const call = state.stops[process]?.call;
      if (!call || !this.#isEnabled(state, process)) throw new Error('the prelude does not come to its end');
      if (until(call)) return state;
      state = this.#step(state, process);
    }
  }

  #visit(state: State, depth: number): void {
    const key = this.#keyOf(state);
    if (this.#visited.has(key)) return;
    this.#visited.add(key);
    if (this.#visited.size > (this.#options.maxStates ?? Number.POSITIVE_INFINITY)) {
      throw new Error(`more than ${this.#options.maxStates} states`);
    }
    this.#deepest = Math.max(this.#deepest, depth);
    const mark = this.#trace.length;
    let isEnd = true;
    for (let at = 0; at < this.#processes.length; at++) {
      if (!this.#isEnabled(state, at)) continue;
      isEnd = false;
      const isSwitch = this.#isBounded && at !== state.last && state.last >= 0 && this.#isEnabled(state, state.last);
      if (isSwitch && state.switches >= (this.#options.switches ?? 0)) continue;
      const next = this.#step(state, at);
      this.#visit(isSwitch ? { ...next, switches: state.switches + 1 } : next, depth + 1);
      this.#trace.length = mark;
    }
    if (isEnd) this.#checkEnd(state);
    if (state.isDead.filter(Boolean).length >= this.#options.crashes) return;
    for (let at = 0; at < this.#processes.length; at++) {
      if (!this.#canDie(state, at)) continue;
      this.#visit(this.#kill(state, at), depth + 1);
      this.#trace.length = mark;
    }
  }

  #isEnabled(state: State, at: number): boolean {
    const stop = state.stops[at] as Stop;
    if (state.isDead[at] || !stop.call) return false;
    if (stop.call.op === 'pause') {
      const hasNews = state.disk.contentOf(stop.inode).id !== stop.seen;
      return hasNews || (!stop.noticedDeath && state.isDead.includes(true));
    }
    if (stop.call.op === 'gather') return this.#isGathered(state, at, stop.call.number ?? 0);
    return true;
  }

  /** Everybody alive is there or behind it. They go on by their rank: the test's epilogue need not interleave. */
  #isGathered(state: State, at: number, stage: number): boolean {
    return state.stops.every((other, rank) => {
      if (rank === at || state.isDead[rank] || !other.call) return true;
      if (other.call.op !== 'gather') return false;
      const theirs = other.call.number ?? 0;
      return theirs > stage || (theirs === stage && rank > at);
    });
  }

  /** In the epilogue there is nothing left to leave behind. */
  #canDie(state: State, at: number): boolean {
    const call = state.stops[at]?.call;
    if (state.isDead[at] || !call || call.op === 'gather') return false;
    return !state.stops.some((stop, rank) => !state.isDead[rank] && (!stop.call || stop.call.number === 2));
  }

  #kill(state: State, at: number): State {
    const who = this.#processes[at]?.name ?? '';
    this.#trace.push({ who, call: 'is killed', outcome: done(null) });
    const isDead = state.isDead.with(at, true);
    const next = { ...state, disk: state.disk.copy(), isDead };
    this.#forget(next);
    return next;
  }

  #step(state: State, at: number): State {
    const process = this.#processes[at] as SimProcess;
    const disk = state.disk.copy();
    let stop = state.stops[at] as Stop;
    let { epoch, inode, past } = state;
    do {
      const call = stop.call as Call;
      const outcome = this.#perform(state, disk, stop, call);
      this.#steps += 1;
      stop = process.after(stop, outcome);
      this.#trace.push({ who: process.name, call, outcome });
      if (outcome.value === true && (call.op === 'link' || call.op === 'linkOver')) {
        const number = Number(EPOCH.exec((call.to ?? '').slice(DIRECTORY.length + 1))?.[1] ?? 0);
        // A lower one is a stray, made by a slow process: it matters only if somebody uses it.
        if (number > epoch) {
          past = this.#checkLink({ ...state, disk }, number, call.to ?? '');
          epoch = number;
          inode = disk.inodeAt(call.to ?? '') ?? '';
        }
      }
    } while (stop.call && stop.isPrivate);
    const lastHeld = this.#checkHeld(state, at, stop);
    const last = this.#isBounded ? at : -1;
    const next = { ...state, disk, stops: state.stops.with(at, stop), epoch, inode, past, lastHeld, last };
    this.#check(next, at);
    this.#forget(next);
    return next;
  }

  #perform(state: State, disk: SimDisk, stop: Stop, call: Call): Outcome {
    switch (call.op) {
      case 'hold':
      case 'gather':
        return done(null);
      case 'pause':
        return done(state.isDead.includes(true));
      case 'state': {
        const isDead = this.#processes.some(({ pid }, rank) => pid === call.number && state.isDead[rank]);
        return { key: String(isDead), value: isDead ? 'gone' : { start: 1, zombie: false }, error: '' };
      }
      default:
        return perform(disk, stop.fds, call);
    }
  }

  #forget({ disk, stops, isDead }: State): void {
    disk.forget((inode) => stops.some(({ fds }, rank) => !isDead[rank] && hasValue(fds, inode)));
  }

  #keyOf({ disk, stops, isDead, past, lastHeld, last, switches }: State): string {
    let key = '';
    for (let at = 0; at < stops.length; at++) {
      const stop = stops[at] as Stop;
      // All that is left of the dead is what they may still be thought to hold.
      key += isDead[at] ? `dead ${stop.held},` : `${stop.id},`;
    }
    return `${key}${lastHeld},${last},${switches},${this.#shortOf(past)},${this.#shortOf(disk.key())}`;
  }

  /** Millions of states share a few thousand disks. */
  #shortOf(key: string): number {
    const short = this.#short.get(key) ?? this.#short.size;
    this.#short.set(key, short);
    return short;
  }

  /** The next epoch starts with exactly what the one before ends with. Returns what has counted so far. */
  #checkLink(state: State, number: number, path: string): string {
    const made = this.#reference.read(state.disk.contentOf(state.disk.inodeAt(path) ?? ''));
    if (number === 1) return '';
    if (number !== state.epoch + 1) this.#fail(`epoch ${number} follows epoch ${state.epoch}`);
    const ended = this.#truth(state);
    if (!ended.isSealed) this.#fail(`epoch ${number} was made before epoch ${state.epoch} was sealed`);
    if (made.startHeader !== ended.header) {
      this.#fail(`epoch ${number} starts with ${made.startHeader}, and ${state.epoch} ended with ${ended.header}`);
    }
    const past = [...pastOf(state), ...ended.ids, ...ended.effects];
    // Sorted: two histories that differ in order only are worth the same from here on.
    return past.sort().join(';');
  }

  /** Tokens grow in the order of the grants. Returns the highest so far. */
  #checkHeld(state: State, at: number, { held }: Stop): number {
    if (held === 0 || held === state.stops[at]?.held) return state.lastHeld;
    if (held <= state.lastHeld) this.#fail(`token ${held} was granted after token ${state.lastHeld}`);
    return held;
  }

  #check(state: State, at: number): void {
    const stop = state.stops[at] as Stop;
    if (stop.failure) this.#fail(`${this.#processes[at]?.name} failed: ${(stop.failure as Error).stack}`);
    this.#checkHighest(state);
    if (state.epoch === 0) return;
    const all = this.#counted(state);
    for (const effect of stop.told) {
      if (!all.has(effect)) this.#fail(`${this.#processes[at]?.name} was told "${effect}", which is lost`);
    }
    const holders = state.stops.filter(({ held }) => held > 0 && !all.has(`evicted ${held}`));
    if (holders.length > 1) this.#fail(`${holders.map(({ held }) => held).join(' and ')} hold one permit`);
  }

  /** The ids and effects of all records that count, each of them once. */
  #counted(state: State): ReadonlySet<string> {
    const key = `${state.disk.contentOf(state.inode).id} ${state.past}`;
    let counted = this.#countedAt.get(key);
    if (!counted) {
      const { ids, effects } = this.#truth(state);
      const all = [...pastOf(state), ...ids, ...effects];
      counted = new Set(all);
      if (counted.size !== all.length) this.#fail(`a record counts twice: ${all.join(', ')}`);
      this.#countedAt.set(key, counted);
    }
    return counted;
  }

  #checkHighest(state: State): void {
    const names = state.disk.list(DIRECTORY) ?? [];
    const highest = Math.max(0, ...names.map((name) => Number(EPOCH.exec(name)?.[1] ?? 0)));
    if (highest !== state.epoch) this.#fail(`epoch ${state.epoch} was deleted while it was the highest`);
  }

  /** Nobody can go on. Then all are done, in one file, with nobody in line, and a newcomer is let in. */
  #checkEnd(state: State): void {
    this.#ends += 1;
    state.stops.forEach((stop, at) => {
      const name = this.#processes[at]?.name;
      if (state.isDead[at]) return;
      if (stop.call) this.#fail(`${name} is stuck before ${stop.call.op}`);
      if (stop.inode !== state.inode) this.#fail(`${name} ends in ${stop.inode}, not in the highest epoch`);
    });
    const key = `${state.lastHeld}|${state.disk.key()}`;
    if (this.#proved.has(key)) return;
    this.#proved.add(key);
    const gone = this.#processes.filter((_, at) => state.isDead[at]).map(({ pid }) => pid);
    const host = directHost(state.disk.copy(), { key: 'z', pid: 999, wallMicros: 0, tickMs: 0 }, gone);
    const { resource } = openResource(host, 0);
    const own = resource.join({ kind: 'lock', permits: 1 }, { ask: 1, label: '', onlyIfGranted: false });
    if (own.state !== 'holding') this.#fail('a newcomer at the end is not let in');
    if (own.ticket <= state.lastHeld) this.#fail(`a newcomer's token ${own.ticket} does not grow`);
  }

  #truth(state: State): EpochTruth {
    return this.#reference.read(state.disk.contentOf(state.inode));
  }

  /** A violation must be reached by the very lives of its trace too, not by merged ones only. */
  #confirm(): void {
    for (const process of this.#processes) {
      let stop = process.start;
      const outcomes: Outcome[] = [];
      for (const { who, call, outcome } of this.#trace) {
        if (who !== process.name || typeof call === 'string') continue;
        outcomes.push(outcome);
        stop = process.after(stop, outcome);
        const [merged, own] = [process.summaryOf(stop), process.relive(outcomes)];
        if (merged !== own)
          throw new Error(`two histories were taken for one, at ${outcomes.length}:\n${merged}\n${own}`);
      }
    }
  }

  #fail(what: string): never {
    const steps = this.#trace.map(({ who, call, outcome }, at) => {
      return `${String(at + 1).padStart(4)} ${who}  ${typeof call === 'string' ? call : describe(call, outcome)}`;
    });
    this.#confirm();
    throw new Violation(`${what}\n${steps.join('\n')}`);
  }
}

function pastOf({ past }: State): string[] {
  return past === '' ? [] : past.split(';');
}

function hasValue(fds: ReadonlyMap<number, string>, inode: string): boolean {
  for (const open of fds.values()) if (open === inode) return true;
  return false;
}
