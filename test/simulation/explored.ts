import { expect } from 'vitest';
import { type Exploration, type ExploreOptions, explore } from './explorer.ts';

/**
 * How much is explored. By default what takes seconds. `large` takes minutes: `npm run simulation`, in CI. `full` takes an hour
 * and several gigabytes: `LOCKSTEP_SIMULATION=full npx vitest run test/simulation`.
 */
const size = process.env.LOCKSTEP_SIMULATION ?? '';
export const isFull = size === 'full';
export const isLarge = size === 'large' || isFull;
export const TIMEOUT_MS = isFull ? 3_600_000 : 300_000;

/** Explores, and says how much that was. */
export function explored(options: ExploreOptions): Exploration {
  const from = performance.now();
  const exploration = explore(options);
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  console.log(`${expect.getState().currentTestName}: ${JSON.stringify(exploration)} in ${seconds} s`);
  return exploration;
}
