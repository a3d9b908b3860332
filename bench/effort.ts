/** Whether this run only shows that the benchmarks work. Its figures mean nothing, and it writes no file. */
export const isSmoke = process.env.LOCKSTEP_BENCH === 'smoke';

/** How often, how many or how long: `full` in a run that measures, `smoke` in one that only shows that it works. */
export function effort(full: number, smoke: number): number {
  return isSmoke ? smoke : full;
}
