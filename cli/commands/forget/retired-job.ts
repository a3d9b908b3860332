import { JobRecords, nodeHost, type StoreDirectory } from '../../../lib/internal.ts';
import { isJobWell, type JobVerdict, judgeJob } from '../../../lib/jobs/index.ts';
import { reasonOf } from '../../report/job-words.ts';
import { inShell } from '../../text/shell-word.ts';

/** Why a job stays. */
export interface KeptJob {
  why: string;
  /** Whether it would have been old enough, but `lockstep jobs --check` reports it: it must not be removed silently. */
  isOverdue: boolean;
}

/** The records of a job that is to be forgotten; null if the name is no job's. @throws {StoreError} */
export function retiredJob(directory: StoreDirectory, name: string): JobRecords | null {
  const records = new JobRecords(nodeHost, directory, name);
  return records.isEmpty ? null : records;
}

/**
 * Why a job must not be forgotten; null if it may be. A job goes by age only if nobody waits for its next success, and nothing is
 * wrong with it: the alarm of a job that does not run any more must not end because it does not run any more.
 *
 * @param idleMs only a job that did not run for so long; undefined: any, because the user has named it
 */
export function whyJobStays(name: string, job: JobRecords, idleMs: number | undefined): KeptJob | null {
  const now = Date.now();
  const verdict = judgeJob(job.readings, now);
  if (job.isRunning) return { why: `it runs: ${reasonOf(verdict, now)}`, isOverdue: false };
  if (idleMs === undefined) return null;
  if (now - lastSeenAt(job, verdict) < idleMs) return { why: 'it ran since', isOverdue: false };
  if (!isJobWell(verdict.state))
    return { why: `it is ${verdict.state}: ${reasonOf(verdict, now)}; ${byName(name)}`, isOverdue: true };
  const expect = verdict.newest?.run.plan.expect ?? null;
  return expect === null ? null : { why: `a success of it is expected (${expect})`, isOverdue: false };
}

function byName(name: string): string {
  return `if it is not to run any more: \`lockstep forget ${inShell(name)}\``;
}

function lastSeenAt({ readings }: JobRecords, { newest }: JobVerdict): number {
  const [first] = readings;
  const unread = first && 'problem' in first ? (first.at ?? 0) : 0;
  return Math.max(unread, newest?.run.ended?.at ?? newest?.run.at ?? 0);
}
