import type { EntryView } from '../../../lib/index.ts';
import { runFile } from '../../../lib/internal.ts';
import type { Run } from '../../../lib/jobs/index.ts';
import { isEntryOf } from './run-entry.ts';

/** What a run that is to replace others sees of its job. The entries were read before the runs. */
export interface Crowd {
  permits: number;
  /** The other runs that wait or run, and have a wrapper that can end them. */
  stoppable: readonly Run[];
  entries: readonly EntryView[];
  /** Whether a run has to go before this one may be replaced itself. */
  isOlder(run: Run): boolean;
  /** Whether an entry is of a run whose end is recorded. */
  isOfEnded(entry: EntryView): boolean;
}

/** The runs that are to end so that the newest have room, this one among them: the oldest of those that can be stopped. */
export function victimsIn(crowd: Crowd): Run[] {
  const older = crowd.stoppable.filter((run) => crowd.isOlder(run)).sort((a, b) => (runFile(a) < runFile(b) ? -1 : 1));
  const newer = crowd.stoppable.length - older.length;
  const room = Math.max(0, crowd.permits - inTheWay(crowd) - newer - 1);
  return older.slice(0, Math.max(0, older.length - room));
}

/**
 * How many permits are held by what cannot be stopped: `lockstep run`, a command whose wrapper was killed. Not counted is what is free in
 * a moment: what a dead holder left, and the entry of a run that has ended. A run records its end before it releases:
 *   1. the oldest run, which was asked to end, records that, and still holds;
 *   2. this one finds a holder and no run that it belongs to, takes it for one that stays, and asks one run more to end.
 */
function inTheWay({ entries, stoppable, isOfEnded }: Crowd): number {
  const held = entries.filter(({ state, stale }) => state === 'holding' && !stale);
  return held.filter((entry) => !isOfEnded(entry) && !stoppable.some((run) => isEntryOf(entry, run))).length;
}
