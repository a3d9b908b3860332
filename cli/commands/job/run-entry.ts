import type { EntryView } from '../../../lib/index.ts';
import type { Run } from '../../../lib/jobs/index.ts';

/** Whether an entry belongs to a run: one of its owners is the run's wrapper, or one of its commands. */
export function isEntryOf({ owners }: EntryView, { facts, attempts }: Pick<Run, 'facts' | 'attempts'>): boolean {
  const own = [facts, ...attempts.map((attempt) => attempt.facts)];
  return owners.some(({ pid, host }) => own.some((one) => one.pid === pid && one.host === host));
}
