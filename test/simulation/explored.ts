import { expect } from 'vitest';
import { type Exploration, type ExploreOptions, explore } from './explorer.ts';

/** The largest explorations take ten minutes and several gigabytes: `LOCKSTEP_SIMULATION=full npx vitest run test/simulation`. */
export const isFull = process.env.LOCKSTEP_SIMULATION === 'full';
export const TIMEOUT_MS = isFull ? 3_600_000 : 300_000;

/** Explores, and says how much that was. */
export function explored(options: ExploreOptions): Exploration {
  const from = performance.now();
  const exploration = explore(options);
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  console.log(`${expect.getState().currentTestName}: ${JSON.stringify(exploration)} in ${seconds} s`);
  return exploration;
}
