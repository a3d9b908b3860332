import { JobJudge } from '../../lib/internal.ts';
import type { JobVerdict, RunLog } from '../../lib/jobs/index.ts';
import type { LastRuns } from './last-runs.ts';

/**
 * Judges a job by its records, of which it reads as few as are needed. Null if there is no record of the job.
 *
 * @param lastRuns gets the last runs; null: they are not shown
 */
export function judgedJob(log: RunLog, name: string, now: number, lastRuns: LastRuns | null): JobVerdict | null {
  const judge = new JobJudge(now);
  let isKnown = false;
  const isEnough = (mayRun: boolean) => judge.hasEnough(mayRun) && (lastRuns?.isFull ?? true);
  for (const reading of log.readings(name, isEnough)) {
    judge.add(reading);
    lastRuns?.add(reading);
    isKnown = true;
  }
  return isKnown ? judge.verdict() : null;
}
