import { JobJudge } from '../../../lib/internal.ts';
import { stuckWords } from '../../report/job-words.ts';
import type { OtherRuns } from './others.ts';

/** Why a job is stuck. */
export interface Stuck {
  words: string;
  /** Whether nothing but a skip would ever show it: the run in the way was given no limit. */
  isSilent: boolean;
}

/** Why the job is stuck, for a run that is skipped; null if it is not. A file of its own: other runs need not load it. */
export function whyStuck(others: OtherRuns, now: number): Stuck | null {
  const judge = new JobJudge(now);
  for (const reading of others.readings((mayRun) => judge.hasEnough(mayRun))) judge.add(reading);
  const verdict = judge.verdict();
  const words = stuckWords(verdict, now);
  const why = verdict.stuck?.why;
  return words === null ? null : { words, isSilent: why === 'blocking' || why === 'blocked' };
}
