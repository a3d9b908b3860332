import type { EntryView } from '../../../lib/index.ts';
import { runFile } from '../../../lib/internal.ts';
import type { ObservedRun, Run } from '../../../lib/jobs/index.ts';
import { isEntryOf } from './run-entry.ts';

/** The state of a job, as a run sees it that is to replace others. The entries were read before the runs. */
export interface Crowd {
  permits: number;
  /** The other runs that wait or run. */
  runs: readonly ObservedRun[];
  entries: readonly EntryView[];
  /** Whether a run counts as older than this one. Only those are asked to end. */
  isOlder(run: Run): boolean;
  /** Whether an entry is of a run whose end is recorded. */
  isOfEnded(entry: EntryView): boolean;
}

/** The runs that are to end so that the newest have room, this one among them: the oldest of those that can be stopped. */
export function victimsIn(crowd: Crowd): Run[] {
  const stoppable = crowd.runs.filter(canBeStopped).map(({ run }) => run);
  const older = stoppable.filter((run) => crowd.isOlder(run)).sort((a, b) => (runFile(a) < runFile(b) ? -1 : 1));
  const newer = stoppable.length - older.length;
  const room = Math.max(0, crowd.permits - inTheWay(crowd, stoppable) - newer - 1);
  return older.slice(0, Math.max(0, older.length - room));
}

/**
 * Whether the wrapper of a run is there, or cannot be proved gone: it alone can end the run's command. It is not looked at again: a run that
 * has ended since then would be taken for one that stays.
 */
export function canBeStopped({ orphaned }: ObservedRun): boolean {
  return !orphaned;
}

/**
 * How many permits are held by what cannot be stopped: `lockstep run`, a command whose wrapper was killed. Not counted is what is free in
 * a moment: what a dead holder left, and the entry of a run that has ended. A run records its end before it releases:
 *   1. the oldest run, which was asked to end, records that, and still holds;
 *   2. this one finds a holder and no run that it belongs to, takes it for one that stays, and asks one run more to end.
 */
function inTheWay({ entries, isOfEnded }: Crowd, stoppable: readonly Run[]): number {
  const staying = heldIn(entries).filter(
    (entry) => !isOfEnded(entry) && !stoppable.some((run) => isEntryOf(entry, run)),
  );
  return staying.reduce((sum, { ask }) => sum + ask, 0);
}

/** The entries of holders, but for the dead ones: the next waiter has their permits. */
export function heldIn(entries: readonly EntryView[]): EntryView[] {
  return entries.filter(({ state, stale }) => state === 'holding' && !stale);
}
