import { DIRECTORY, openResource } from './programs.ts';
import { type EpochTruth, Reference } from './reference.ts';
import { directHost } from './sim-host.ts';
import type { Stop } from './sim-process.ts';
import type { Move, Snapshot, State, World } from './world.ts';

/** A property that does not hold. */
export class Violation extends Error {}

/** What is known about a run so far, without asking the code under test. */
export interface Truth {
  readonly id: number;
  /** The highest epoch ever put in place, and its inode. */
  readonly epoch: number;
  readonly inode: string;
  /** What counted in the epochs before it. */
  readonly past: Past;
  /** The highest token that was ever given. */
  readonly lastHeld: number;
}

type Facts = Omit<Truth, 'id'>;

interface Past {
  readonly id: number;
  readonly effects: readonly string[];
}

/** What must hold after every step, and at every end. @throws {Violation} */
export class Invariants {
  readonly #world: World;
  readonly #reference = new Reference();
  readonly #truths = new Map<string, Truth>();
  readonly #pasts = new Map<string, Past>();
  readonly #countedAt = new Map<number, ReadonlySet<string>>();
  readonly #proved = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  start(): Truth {
    return this.#truthOf({ epoch: 0, inode: '', past: this.#pastOf([]), lastHeld: 0 });
  }

  /** What is known after a process's move. */
  after(truth: Truth, move: Move, at: number): Truth {
    let next = move.truths.get(truth.id);
    if (!next) {
      next = this.#check(truth, move, this.#world.processes[at]?.name ?? '');
      move.truths.set(truth.id, next);
    }
    return next;
  }

  /** Whoever believes that it holds is the only one, but for the evicted. */
  checkHolders(state: State, truth: Truth): void {
    const holding = state.stops.filter(({ held }) => held > 0);
    if (holding.length < 2) return;
    const all = this.#counted(state.snapshot, truth);
    const holders = holding.filter(({ held }) => !all.has(`evicted ${held}`));
    if (holders.length > 1) throw new Violation(`${holders.map(({ held }) => held).join(' and ')} hold one permit`);
  }

  /** Nobody can go on. Then all are done, in one file, with nobody in line, and a newcomer is let in. */
  atEnd(state: State, { inode, lastHeld }: Truth): void {
    const { stops, isDead, snapshot } = state;
    stops.forEach((stop, at) => {
      const { name } = this.#world.processes[at] ?? {};
      if (isDead[at]) return;
      if (stop.call) throw new Violation(`${name} is stuck before ${stop.call.op}`);
      if (stop.inode !== inode) throw new Violation(`${name} ends in ${stop.inode}, not in the highest epoch`);
    });
    const key = `${lastHeld} ${snapshot.id} ${isDead}`;
    if (this.#proved.has(key)) return;
    this.#proved.add(key);
    const gone = this.#world.processes.filter((_, at) => isDead[at]).map(({ pid }) => pid);
    const host = directHost(snapshot.disk.copy(), { key: 'z', pid: 999, wallMicros: 0, tickMs: 0 }, gone);
    const { resource } = openResource(host, 0);
    const own = resource.join({ kind: 'lock', permits: 1 }, { ask: 1, label: '', onlyIfGranted: false });
    if (own.state !== 'holding') throw new Violation('a newcomer at the end is not let in');
    if (own.token <= lastHeld) throw new Violation(`a newcomer's token ${own.token} does not grow`);
  }

  #check(truth: Truth, { before, after, snapshot, linked }: Move, name: string): Truth {
    if (after.failure) throw new Violation(`${name} failed: ${(after.failure as Error).stack}`);
    const lastHeld = this.#checkHeld(truth, before, after);
    // A lower one is a stray, made by a slow process: it matters only if somebody uses it.
    const next = this.#truthOf({
      ...(linked > truth.epoch ? this.#checkLink(snapshot, truth, linked) : truth),
      lastHeld,
    });
    if (snapshot.highest !== next.epoch) {
      throw new Violation(`epoch ${next.epoch} was deleted while it was the highest`);
    }
    if (next.epoch === 0) return next;
    const all = this.#counted(snapshot, next);
    for (const effect of after.told) {
      if (!all.has(effect)) throw new Violation(`${name} was told "${effect}", which is lost`);
    }
    return next;
  }

  /** The next epoch starts with exactly what the one before ends with. */
  #checkLink(snapshot: Snapshot, truth: Truth, epoch: number): Omit<Facts, 'lastHeld'> {
    const inode = snapshot.disk.inodeAt(`${DIRECTORY}/journal.${epoch}`) ?? '';
    const made = this.#reference.read(snapshot.disk.contentOf(inode));
    if (epoch === 1) return { epoch, inode, past: truth.past };
    if (epoch !== truth.epoch + 1) throw new Violation(`epoch ${epoch} follows epoch ${truth.epoch}`);
    const ended = this.#read(snapshot, truth);
    if (!ended.isSealed) throw new Violation(`epoch ${epoch} was made before epoch ${truth.epoch} was sealed`);
    if (made.startHeader !== ended.header) {
      throw new Violation(`epoch ${epoch} starts with ${made.startHeader}, and the last ended with ${ended.header}`);
    }
    return { epoch, inode, past: this.#pastOf([...truth.past.effects, ...ended.ids, ...ended.effects]) };
  }

  /** Tokens grow in the order of the grants. Returns the highest so far. */
  #checkHeld({ lastHeld }: Truth, before: Stop, { held }: Stop): number {
    if (held === 0 || held === before.held) return lastHeld;
    if (held <= lastHeld) throw new Violation(`token ${held} was granted after token ${lastHeld}`);
    return held;
  }

  /** The ids and effects of all records that count, each of them once. */
  #counted(snapshot: Snapshot, truth: Truth): ReadonlySet<string> {
    const key = snapshot.disk.contentOf(truth.inode).id * 2 ** 24 + truth.past.id;
    let counted = this.#countedAt.get(key);
    if (!counted) {
      const { ids, effects } = this.#read(snapshot, truth);
      const all = [...truth.past.effects, ...ids, ...effects];
      counted = new Set(all);
      if (counted.size !== all.length) throw new Violation(`a record counts twice: ${all.join(', ')}`);
      this.#countedAt.set(key, counted);
    }
    return counted;
  }

  #read(snapshot: Snapshot, { inode }: Truth): EpochTruth {
    return this.#reference.read(snapshot.disk.contentOf(inode));
  }

  #truthOf({ epoch, inode, past, lastHeld }: Facts): Truth {
    const key = `${epoch} ${inode} ${past.id} ${lastHeld}`;
    const truth = this.#truths.get(key) ?? { id: this.#truths.size, epoch, inode, past, lastHeld };
    this.#truths.set(key, truth);
    return truth;
  }

  /** Sorted: two histories that differ in order only are worth the same from there on. */
  #pastOf(effects: string[]): Past {
    const key = effects.sort().join(';');
    const past = this.#pasts.get(key) ?? { id: this.#pasts.size, effects };
    this.#pasts.set(key, past);
    return past;
  }
}
