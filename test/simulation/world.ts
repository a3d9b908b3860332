import type { Truth } from './invariants.ts';
import { DIRECTORY } from './programs.ts';
import { type Call, done, type Outcome, perform } from './sim-call.ts';
import { ContentPool, SimDisk } from './sim-disk.ts';
import { type Program, SimProcess, type Stop } from './sim-process.ts';

/** A disk that changes no more. The same disk is the same snapshot. */
export interface Snapshot {
  readonly id: number;
  readonly disk: SimDisk;
  /** The highest epoch with a file. */
  readonly highest: number;
  readonly unnamed: readonly string[];
}

/** The processes and their disk, between two calls. */
export interface State {
  readonly snapshot: Snapshot;
  readonly stops: readonly Stop[];
  readonly isDead: readonly boolean[];
  readonly deaths: number;
}

export interface Step {
  readonly who: string;
  readonly call: Call | 'is killed';
  readonly outcome: Outcome;
}

/** What one process does next; the same whatever the others are up to. */
export interface Move {
  readonly steps: readonly Step[];
  readonly before: Stop;
  readonly after: Stop;
  readonly snapshot: Snapshot;
  /** The epoch whose file was put in place, or 0. */
  readonly linked: number;
  /** What it makes of what was known before, by that one's id. */
  readonly truths: Map<number, Truth>;
}

export interface WorldOptions {
  programs: Program[];
  /** How many processes may be killed in one run. */
  crashes: number;
  /** The pid namespace of each process; default: all in one. */
  namespaces?: readonly number[];
  /** How far the monotonic clocks tick at each look. Default 0. */
  tickMs?: number;
  /**
   * The programs are the same one and the clocks agree, so what differs only in who is who is explored
   * once: the processes are named in the order in which they first write into the journal.
   */
  isSymmetric?: boolean;
}

const IDENTITIES = [
  { key: 'a', pid: 101, wallMicros: 10 },
  { key: 'b', pid: 102, wallMicros: 1 },
  { key: 'c', pid: 103, wallMicros: 5 },
];
/** Beyond this many moves memory would matter more than time. */
const MAX_KNOWN = 2_000_000;
const EPOCH = /^journal\.(\d+)$/;
/** What can happen next, and what it leads to. Remembers most of what it found out. */
export class World {
  readonly processes: readonly SimProcess[];
  readonly #options: WorldOptions;
  readonly #snapshots = new Map<string, Snapshot>();
  /** By process, by stop, by snapshot and who is dead. */
  #known: Array<Array<Map<number, Move>>> = [];
  #knownCount = 0;

  constructor(options: WorldOptions) {
    const { programs, tickMs = 0, isSymmetric = false, namespaces = [] } = options;
    if (isSymmetric && new Set(programs).size > 1) throw new RangeError('the programs differ');
    this.#options = options;
    this.processes = programs.map((program, at) => {
      const identity = IDENTITIES[at];
      if (!identity) throw new RangeError('too many programs');
      return new SimProcess(
        { ...identity, tickMs, namespace: namespaces[at] ?? 1, ...(isSymmetric ? { wallMicros: 1 } : {}) },
        program,
      );
    });
  }

  start(): State {
    const disk = new SimDisk(new ContentPool());
    disk.makeDirectory(DIRECTORY);
    return {
      snapshot: this.#snapshotOf(disk),
      stops: this.processes.map((process) => process.start),
      isDead: this.processes.map(() => false),
      deaths: 0,
    };
  }

  canGoOn({ snapshot, stops, isDead, deaths }: State, at: number): boolean {
    const stop = stops[at] as Stop;
    if (isDead[at] || !stop.call) return false;
    if (stop.call.op === 'pause') {
      const hasGrown = snapshot.disk.contentOf(stop.inode).id !== stop.seen;
      // Each look of a session that has read a seal looks for the next epoch, too: it makes none.
      const newest = snapshot.disk.inodeAt(`${DIRECTORY}/journal.${snapshot.highest}`);
      const hasNews = hasGrown || newest !== stop.inode;
      return hasNews || (!stop.noticedDeath && deaths > 0);
    }
    if (stop.call.op !== 'gather') return true;
    // Everybody alive is there or behind it. They go on by their rank: the epilogue need not interleave.
    const stage = stop.call.number ?? 0;
    return stops.every((other, rank) => {
      if (rank === at || isDead[rank] || !other.call) return true;
      if (other.call.op !== 'gather') return false;
      const theirs = other.call.number ?? 0;
      return theirs > stage || (theirs === stage && rank > at);
    });
  }

  /** Whether that would be the same as what is explored under another naming. */
  isRenamed({ stops }: State, at: number): boolean {
    if (!this.#options.isSymmetric || !stops[at]?.isFirstWrite) return false;
    return stops.some((stop, rank) => rank < at && !stop.hasWritten);
  }

  /** In the epilogue there is nothing left to leave behind. */
  canDie({ stops, isDead, deaths }: State, at: number): boolean {
    const call = stops[at]?.call;
    if (deaths >= this.#options.crashes || isDead[at] || !call || call.op === 'gather') return false;
    return !stops.some((stop, rank) => !isDead[rank] && (!stop.call || stop.call.number === 2));
  }

  after(state: State, at: number, { snapshot, after }: Move): State {
    const stops = state.stops.with(at, after);
    return this.#tidy({ snapshot, stops, isDead: state.isDead, deaths: state.deaths });
  }

  kill(state: State, at: number): State {
    return this.#tidy({ ...state, isDead: state.isDead.with(at, true), deaths: state.deaths + 1 });
  }

  /** What a process does depends on where it stands, on the disk, and on who is dead: on nothing else. */
  move(state: State, at: number): Move {
    const { id } = state.stops[at] as Stop;
    const dead = state.isDead.reduce((bits, dies, rank) => bits + (dies ? 2 ** rank : 0), 0);
    const key = state.snapshot.id * 8 + dead;
    let move = this.#known[at]?.[id]?.get(key);
    if (!move) {
      move = this.#findOut(state, at);
      this.#remember(at, id, key, move);
    }
    return move;
  }

  #remember(at: number, stop: number, key: number, move: Move): void {
    if (this.#knownCount++ % MAX_KNOWN === 0) this.#known = this.processes.map(() => []);
    const byStop = this.#known[at] as Array<Map<number, Move>>;
    byStop[stop] ??= new Map();
    byStop[stop].set(key, move);
  }

  #findOut(state: State, at: number): Move {
    const process = this.processes[at] as SimProcess;
    const disk = state.snapshot.disk.copy();
    const steps: Step[] = [];
    const before = state.stops[at] as Stop;
    let stop = before;
    let linked = 0;
    do {
      const call = stop.call as Call;
      const outcome = this.#perform(state, disk, at, stop, call);
      stop = process.after(stop, outcome);
      steps.push({ who: process.name, call, outcome });
      if (outcome.value === true && (call.op === 'link' || call.op === 'linkOver')) linked = epochAt(call.to ?? '');
      if (call.op === 'rename' && outcome.error === '') linked = highestIn(disk);
    } while (stop.call && (stop.isPrivate || this.#isCertain(state, stop.call)));
    return { steps, before, after: stop, snapshot: this.#snapshotOf(disk), linked, truths: new Map() };
  }

  /** Nobody can die any more, so it makes no difference when the dead are looked for. */
  #isCertain({ deaths }: State, { op }: Call): boolean {
    return op === 'state' && deaths >= this.#options.crashes;
  }

  #perform({ deaths, isDead }: State, disk: SimDisk, at: number, stop: Stop, call: Call): Outcome {
    switch (call.op) {
      case 'gather':
        return done(null);
      case 'pause':
        return done(deaths > 0);
      case 'state': {
        const whose = this.processes.findIndex(({ pid }) => pid === call.number);
        const gone = isDead[whose] || (call.path === undefined && !this.#areInOneNamespace(at, whose));
        return { key: String(gone), value: gone ? 'gone' : { start: 1, zombie: false }, error: '' };
      }
      default:
        return perform(disk, stop.fds, call);
    }
  }

  #areInOneNamespace(at: number, other: number): boolean {
    const { namespaces = [] } = this.#options;
    return namespaces[at] === namespaces[other];
  }

  /** Without the contents of files that have no name and that nobody has open. */
  #tidy(state: State): State {
    const { snapshot, stops, isDead } = state;
    if (snapshot.unnamed.length === 0) return state;
    const isOpen = (inode: string) => stops.some(({ fds }, rank) => !isDead[rank] && hasValue(fds, inode));
    if (snapshot.unnamed.every(isOpen)) return state;
    const disk = snapshot.disk.copy();
    disk.forget(isOpen);
    return { ...state, snapshot: this.#snapshotOf(disk) };
  }

  #snapshotOf(disk: SimDisk): Snapshot {
    const key = disk.key();
    let snapshot = this.#snapshots.get(key);
    if (!snapshot) {
      snapshot = { id: this.#snapshots.size, disk, highest: highestIn(disk), unnamed: disk.unnamed() };
      this.#snapshots.set(key, snapshot);
    }
    return snapshot;
  }
}

function highestIn(disk: SimDisk): number {
  return Math.max(0, ...(disk.list(DIRECTORY) ?? []).map((name) => epochAt(`${DIRECTORY}/${name}`)));
}

function epochAt(path: string): number {
  return Number(EPOCH.exec(path.slice(DIRECTORY.length + 1))?.[1] ?? 0);
}

function hasValue(fds: ReadonlyMap<number, string>, inode: string): boolean {
  for (const open of fds.values()) if (open === inode) return true;
  return false;
}
