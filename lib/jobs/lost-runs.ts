import type { LineView } from '../store/store.ts';
import type { Run } from './run.ts';

/** Longer than any pause before a run joins the line, and than clocks disagree. */
const LONG_AGO_MS = 24 * 3_600_000;

/** The lines of names, in their order, as a store on servers shows them. */
export type Lines = (names: readonly string[]) => Promise<ReadonlyArray<LineView | null>>;

/**
 * Finds the runs that are lost among those that cannot be seen from here. A run that goes on has an entry in its job's line, under a
 * lease that its machine keeps alive; and its end is recorded before the entry goes:
 *   1. the record was read: the run has its permit, and has not ended (or it began long ago, and cannot be about to join);
 *   2. the line is read: the run has no entry;
 *   3. the record is read again (`again`). If there still is no end, nobody is left to write it.
 *
 * Returns their keys.
 */
export async function lostRuns(
  unseen: readonly Run[],
  linesOf: Lines,
  again: (runs: readonly Run[]) => Promise<readonly Run[]>,
): Promise<ReadonlySet<string>> {
  const now = Date.now();
  const begun = unseen.filter((run) => hasJoined(run, now));
  const jobs = [...new Set(begun.map(({ job }) => job))];
  if (jobs.length === 0) return new Set();
  const lines = new Map((await linesOf(jobs)).map((line, at) => [jobs[at] ?? '', line]));
  const absent = begun.filter((run) => !hasEntry(lines.get(run.job) ?? null, run));
  if (absent.length === 0) return new Set();
  return new Set((await again(absent)).filter(({ ended }) => ended === null).map(({ key }) => key));
}

/** Whether a run that has not ended must have an entry in the line of its lock. `now`: the wall clock in ms since 1970. */
export function hasJoined({ acquiredAt, at }: Pick<Run, 'acquiredAt' | 'at'>, now: number): boolean {
  return acquiredAt !== null || now - at > LONG_AGO_MS;
}

/** Whether one of the run's processes has an entry: its wrapper, or one of its commands. */
function hasEntry(line: LineView | null, { facts, attempts }: Run): boolean {
  const own = [facts, ...attempts.map((attempt) => attempt.facts)];
  const owners = line?.entries.flatMap((entry) => entry.owners) ?? [];
  return owners.some(({ pid, host }) => own.some((one) => one.pid === pid && one.host === host));
}
