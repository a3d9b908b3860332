import type { Config } from '../../../lib/line/config.ts';
import { Chance } from './chance.ts';

export interface Named extends Config {
  readonly name: string;
}

/** One random run, but for the order of its steps: all of it follows from the seed. */
export interface Scenario {
  readonly seed: number;
  /** How many processes there are at once, and how many are born later in the place of one that has ended. */
  readonly processes: number;
  readonly births: number;
  /** How often each of them does something. */
  readonly rounds: number;
  /** Past how many bytes journals rotate. */
  readonly rotateBytes: number;
  readonly resources: readonly Named[];
  readonly deaths: number;
  readonly faults: number;
  /** Whether locks are stolen and entries evicted by force. */
  readonly violent: boolean;
  /** Whether names are forgotten. */
  readonly forgetful: boolean;
  /** Whether every newcomer has the pid of one that is gone. */
  readonly reusesPids: boolean;
  readonly odds: Odds;
  /** In how many pid namespaces they are. To those in another one they are known by their lifelines alone. */
  readonly namespaces: number;
}

/** How probable something is at each call. */
interface Odds {
  readonly switch: number;
  readonly death: number;
  readonly putAside: number;
  readonly fault: number;
}

export function scenarioOf(seed: number): Scenario {
  const chance = new Chance(seed);
  const processes = chance.whole(3, 8);
  return {
    seed,
    processes,
    births: chance.whole(0, 6),
    rounds: chance.whole(2, processes > 5 ? 4 : 7),
    rotateBytes: chance.of([0, 60, 150, 300, 700, 2_000]),
    resources: resourcesOf(chance),
    deaths: chance.of([0, 1, 3, 8]),
    faults: chance.of([0, 0, 3, 20]),
    violent: chance.happens(0.4),
    reusesPids: chance.happens(0.5),
    odds: {
      switch: chance.of([0.02, 0.1, 0.3, 1]),
      death: chance.of([0.005, 0.02]),
      putAside: chance.of([0, 0.003, 0.02]),
      fault: chance.of([0.02, 0.1]),
    },
    namespaces: chance.of([1, 1, 3]),
    forgetful: chance.happens(0.5),
  };
}

function resourcesOf(chance: Chance): Named[] {
  const all: Named[] = [
    { name: 'lock', kind: 'lock', permits: 1 },
    { name: 'semaphore', kind: 'semaphore', permits: chance.whole(1, 3) },
    { name: 'event', kind: 'event', permits: 1 },
    { name: 'condition', kind: 'condition', permits: 1 },
    { name: 'barrier', kind: 'barrier', permits: chance.whole(2, 3) },
    { name: 'counter', kind: 'counter', permits: 1 },
    { name: 'queue', kind: 'queue', permits: 1 },
  ];
  // Few, so that they meet; permits in every other run at least.
  const first = chance.of(chance.happens(0.5) ? all.slice(0, 2) : all);
  const others = all.filter((one) => one !== first && chance.happens(0.25));
  const chosen = [first, ...others];
  const needsGuard = chosen.some(({ kind }) => kind === 'condition') && first.kind !== 'lock';
  return needsGuard && !chosen.some(({ kind }) => kind === 'lock') ? [...chosen, all[0] as Named] : chosen;
}
