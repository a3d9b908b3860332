import { Invariants, type Truth, Violation } from './invariants.ts';
import { type Call, describe, done, type Outcome } from './sim-call.ts';
import { TupleSet } from './tuple-set.ts';
import { type State, type Step, World, type WorldOptions } from './world.ts';

export { Violation } from './invariants.ts';

export interface ExploreOptions extends WorldOptions {
  /** How often in one run a process may be switched away from that could have gone on. Default: no bound. */
  switches?: number;
  /** Where to start exploring: each process in turn goes on until its next call is such. */
  prelude?: Array<{ process: number; until: (call: Call) => boolean }>;
  /** A property that must hold in every state. @throws {Violation} */
  always?: (state: State) => void;
  /** Give up beyond. Default: never. */
  maxStates?: number;
}

export interface Exploration {
  states: number;
  ends: number;
  deepest: number;
  /** Runs of the library: different lives of the processes, without those that are the same. */
  lives: number;
}

/** Somewhere in the tree of runs. */
interface Place {
  readonly state: State;
  readonly truth: Truth;
  /** Who went last, and how often another went though it could have; both 0 where that is not bounded. */
  readonly last: number;
  readonly switches: number;
}

/** Explores every interleaving of the programs, call by call. @throws {Violation} with the schedule that leads there */
export function explore(options: ExploreOptions): Exploration {
  return new Explorer(options).explore();
}

class Explorer {
  readonly #options: ExploreOptions;
  readonly #world: World;
  readonly #invariants: Invariants;
  readonly #visited: TupleSet;
  readonly #key: Uint32Array;
  readonly #trace: Array<readonly Step[]> = [];
  #ends = 0;
  #deepest = 0;

  constructor(options: ExploreOptions) {
    this.#options = options;
    this.#world = new World(options);
    this.#invariants = new Invariants(this.#world);
    this.#key = new Uint32Array(options.programs.length + 3);
    this.#visited = new TupleSet(this.#key.length);
  }

  explore(): Exploration {
    try {
      this.#visit(this.#start());
    } catch (error) {
      if (error instanceof Violation) throw this.#explained(error);
      throw error;
    }
    return {
      states: this.#visited.size,
      ends: this.#ends,
      deepest: this.#deepest,
      lives: this.#world.processes.reduce((sum, process) => sum + process.stops, 0),
    };
  }

  #start(): Place {
    let place: Place = { state: this.#world.start(), truth: this.#invariants.start(), last: 0, switches: 0 };
    for (const { process, until } of this.#options.prelude ?? []) {
      for (;;) {
        const call = place.state.stops[process]?.call;
        if (!call || !this.#world.canGoOn(place.state, process))
          throw new Error('the prelude does not come to its end');
        if (until(call)) break;
        place = this.#goOn(place, process);
      }
    }
    return place;
  }

  #visit(place: Place): void {
    if (!this.#visited.add(this.#keyOf(place))) return;
    if (this.#visited.size > (this.#options.maxStates ?? Number.POSITIVE_INFINITY)) {
      throw new Error(`more than ${this.#options.maxStates} states`);
    }
    this.#deepest = Math.max(this.#deepest, this.#trace.length);
    const { state, truth } = place;
    this.#options.always?.(state);
    let isEnd = true;
    for (let at = 0; at < state.stops.length; at++) {
      if (!this.#world.canGoOn(state, at)) continue;
      isEnd = false;
      const switches = this.#switchesTo(place, at);
      if (this.#world.isRenamed(state, at) || switches > (this.#options.switches ?? 0)) continue;
      this.#visitNext(this.#goOn({ ...place, switches }, at));
    }
    if (isEnd) {
      this.#ends += 1;
      this.#invariants.atEnd(state, truth);
    }
    for (let at = 0; at < state.stops.length; at++) {
      if (this.#world.canDie(state, at)) this.#visitNext(this.#kill(place, at));
    }
  }

  /** With the last step already traced. */
  #visitNext(place: Place): void {
    const mark = this.#trace.length - 1;
    this.#visit(place);
    this.#trace.length = mark;
  }

  #goOn({ state, truth, last, switches }: Place, at: number): Place {
    const move = this.#world.move(state, at);
    this.#trace.push(move.steps);
    const next = {
      state: this.#world.after(state, at, move),
      truth: this.#invariants.after(truth, move, at),
      last: this.#options.switches === undefined ? last : at,
      switches,
    };
    if (move.after.held > 0) this.#invariants.checkHolders(next.state, next.truth);
    return next;
  }

  #kill(place: Place, at: number): Place {
    const who = this.#world.processes[at]?.name ?? '';
    this.#trace.push([{ who, call: 'is killed', outcome: done(null) }]);
    return { ...place, state: this.#world.kill(place.state, at) };
  }

  #switchesTo({ state, last, switches }: Place, at: number): number {
    if (this.#options.switches === undefined || at === last || !this.#world.canGoOn(state, last)) return switches;
    return switches + 1;
  }

  #keyOf({ state, truth, last, switches }: Place): Uint32Array {
    const { stops, isDead, snapshot } = state;
    stops.forEach((stop, at) => {
      // All that is left of the dead is what they may still be thought to hold.
      this.#key[at] = isDead[at] ? 2 ** 31 + stop.held : stop.id;
    });
    this.#key[stops.length] = snapshot.id;
    this.#key[stops.length + 1] = truth.id;
    this.#key[stops.length + 2] = switches * 4 + last;
    return this.#key;
  }

  #explained({ message }: Violation): Violation {
    const trace = this.#trace.flat();
    const steps = trace.map(({ who, call, outcome }, at) => {
      return `${String(at + 1).padStart(4)} ${who}  ${typeof call === 'string' ? call : describe(call, outcome)}`;
    });
    this.#confirm(trace);
    return new Violation(`${message}\n${steps.join('\n')}`);
  }

  /** A violation must be reached by the very lives of its trace too, not by merged ones only. */
  #confirm(trace: Step[]): void {
    for (const process of this.#world.processes) {
      let stop = process.start;
      const outcomes: Outcome[] = [];
      for (const { who, call, outcome } of trace) {
        if (who !== process.name || typeof call === 'string') continue;
        outcomes.push(outcome);
        stop = process.after(stop, outcome);
        const [merged, own] = [process.summaryOf(stop), process.relive(outcomes)];
        if (merged !== own)
          throw new Error(`two histories were taken for one, at ${outcomes.length}:\n${merged}\n${own}`);
      }
    }
  }
}
