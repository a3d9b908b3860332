import type { Past, Span } from '../../../lib/history/index.ts';
import type { Outcome, Run, RunLog } from '../../../lib/jobs/index.ts';

/** How a run of a job ended that held its lock. */
export type RunResult = Extract<Outcome, 'succeeded' | 'failed' | 'timed-out' | 'replaced' | 'cancelled'> | 'lost';
export type RunResults = ReadonlyMap<Span, RunResult>;

/** The class of a bar, by the result. */
export const CLASSES: Record<RunResult, string> = {
  succeeded: 'ok',
  failed: 'failed',
  'timed-out': 'failed',
  replaced: 'ended',
  cancelled: 'ended',
  lost: 'lost',
};

export const RESULT_WORDS: Record<RunResult, string> = {
  succeeded: 'succeeded',
  failed: 'failed',
  'timed-out': 'ended by its timeout',
  replaced: 'replaced by a newer one',
  cancelled: 'ended by a signal',
  lost: 'lost: its end was not recorded',
};

/** The clock may have been set by so much between two records of one process, in ms. */
const SLACK_MS = 1_000;

/** Finds of each span of a job the run that it was: the processes are the same, and one is within the other. */
export function resultsOf({ name, spans }: Past, log: RunLog): RunResults {
  const held = spans.filter((span) => span.held);
  const results = new Map<Span, RunResult>();
  const first = held.reduce((least, { enteredAt }) => Math.min(least, enteredAt), Number.POSITIVE_INFINITY);
  for (const run of log.each(name)) {
    // The newest come first.
    if ((run.ended?.at ?? run.at) < first - SLACK_MS) break;
    const result = run.acquiredAt === null ? null : resultOf(run, log);
    if (result === null) continue;
    for (const span of held) if (!results.has(span) && isOf(span, run)) results.set(span, result);
  }
  return results;
}

function resultOf(run: Run, log: RunLog): RunResult | null {
  const outcome = run.ended?.outcome;
  if (outcome === undefined) return log.observe(run).state === 'lost' ? 'lost' : null;
  return outcome in CLASSES ? (outcome as RunResult) : null;
}

function isOf({ pid, host, enteredAt }: Span, { facts, attempts, at, ended }: Run): boolean {
  const pids = [facts.pid, ...attempts.map((attempt) => attempt.facts.pid)];
  const isWithin = enteredAt >= at - SLACK_MS && enteredAt <= (ended?.at ?? Number.POSITIVE_INFINITY) + SLACK_MS;
  return isWithin && host === facts.host && pids.includes(pid);
}
