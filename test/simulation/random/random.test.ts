import { afterAll, beforeAll, expect, it } from 'vitest';
import { isFull, isLarge, TIMEOUT_MS } from '../explored.ts';
import { Violation } from '../invariants.ts';
import { nothingYet, runAtRandom, type Summary } from './run.ts';
import { scenarioOf } from './scenario.ts';
import { Threads } from './thread.ts';

/** `LOCKSTEP_SEED=17 npx vitest run test/simulation/random` runs that one alone, and prints its whole trace. */
const SEED = process.env.LOCKSTEP_SEED;
const RUNS = Number(process.env.LOCKSTEP_RUNS ?? (isFull ? 30_000 : isLarge ? 1_000 : 90));
/** Every long run tries other seeds; the quick one is the same each time. */
const FIRST_SEED = Number(SEED ?? (isFull ? Date.now() : 1));
const SHOWN_STEPS = 150;

let threads: Threads;
beforeAll(async () => {
  threads = await Threads.open();
});
afterAll(() => threads.close());

function run(seed: number): Summary {
  const scenario = scenarioOf(seed);
  const trace: string[] = [];
  try {
    const summary = runAtRandom(scenario, threads, trace);
    if (SEED !== undefined) console.log(trace.join('\n'));
    return summary;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const shown = SEED === undefined ? trace.slice(-SHOWN_STEPS) : trace;
    const more = trace.length > shown.length ? `… ${trace.length - shown.length} steps before, and then\n` : '';
    const again = `LOCKSTEP_SEED=${seed} npx vitest run test/simulation/random`;
    const message = `${error.message}\nseed ${seed}: ${JSON.stringify(scenario)}\nagain: ${again}\n${more}${shown.join('\n')}`;
    throw new Violation(message, { cause: error });
  }
}

it(
  'three to eight processes that do everything at random keep every promise, killed and put aside at any call',
  () => {
    const total = nothingYet();
    const from = performance.now();
    const runs = SEED === undefined ? RUNS : 1;
    for (let n = 0; n < runs; n++) {
      const summary = run(FIRST_SEED + n);
      for (const what of Object.keys(total) as Array<keyof Summary>) total[what] += summary[what];
    }
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    console.log(`${runs} runs from seed ${FIRST_SEED}: ${JSON.stringify(total)} in ${seconds} s`);
    // It is worth nothing unless all of that happens.
    if (runs >= 60) expect(Math.min(...Object.values(total))).toBeGreaterThan(50);
  },
  TIMEOUT_MS,
);

it('the same seed gives the same trace, step by step', () => {
  for (const seed of [1, 2, 3]) {
    const [first, second]: [string[], string[]] = [[], []];
    runAtRandom(scenarioOf(seed), threads, first);
    runAtRandom(scenarioOf(seed), threads, second);
    expect(first.length).toBeGreaterThan(50);
    expect(second).toEqual(first);
  }
});
