import {
  type JobState,
  type JobVerdict,
  type ObservedRun,
  type Outcome,
  type Run,
  type RunState,
  type StuckRun,
  tookMs,
} from '../../lib/jobs/index.ts';
import { ago, counted, lasting } from '../text/quantities.ts';
import { inShell } from '../text/shell-word.ts';

/** A job and its runs in words, for a person. They contain text of other processes that is not yet `shown`. */

/** A run's outcome, or its state if it has none yet. */
export function resultOf({ run, state }: ObservedRun): Outcome | Exclude<RunState, 'ended'> {
  return run.ended?.outcome ?? (state === 'ended' ? 'lost' : state);
}

/** The same with the exit code, or the signal that ended the run: `failed (3)`. */
export function resultWords(observed: ObservedRun): string {
  const result = resultOf(observed);
  if (result !== 'failed') return result;
  return `failed (${signalOf(observed.run) ?? observed.run.ended?.code})`;
}

/** The signal that ended a run's last attempt. */
export function signalOf(run: Run): string | null {
  return run.attempts.at(-1)?.exited?.signal ?? null;
}

/** Why a job is not well, or what it does now; empty if it is well and idle. */
export function reasonOf(verdict: JobVerdict, now: number): string {
  const { state, stuck, failed, late, problem } = verdict;
  const known: Array<[JobState, string | null]> = [
    ['stuck', stuckWords(verdict, now)],
    ['failed', failed && failedWords(failed, now)],
    ['late', late ? lateWords(verdict, now) : null],
    ['unknown', problem],
    ['running', stuck && stuck.why !== 'blocked' ? null : runningWords(verdict, now)],
  ];
  const parts = known.flatMap(([what, words]) =>
    words === null ? [] : [what === state ? words : `${what}: ${words}`],
  );
  if (failed || late) parts.push(successWords(verdict, now));
  return parts.join('; ');
}

/** Why a job is stuck; null if it is not. */
export function stuckWords(verdict: JobVerdict, now: number): string | null {
  return verdict.stuck && wordsOf(verdict.stuck, verdict, now);
}

function wordsOf({ observed, why }: StuckRun, verdict: JobVerdict, now: number): string {
  const { run, stopped } = observed;
  const command = run.attempts.at(-1);
  const begun = run.attempts[0]?.at ?? run.acquiredAt ?? run.at;
  const running = `running for ${lasting(Math.max(0, now - begun))}${placeWords(observed)}`;
  if (why === 'orphaned')
    return `${running}, but its \`lockstep job\` (pid ${run.facts.pid}) is gone: its command (pid ${command?.facts.pid}) will not be ended, and its end will not be recorded`;
  if (why === 'stopped') {
    const pid = stopped === 'command' ? command?.facts.pid : run.facts.pid;
    return `its ${stopped === 'command' ? 'command' : '`lockstep job`'} is stopped; \`kill -CONT ${pid}\` continues it`;
  }
  if (why === 'past-timeout') return `${running}, past its timeout of ${lasting(run.plan.timeoutMs ?? 0)}`;
  if (why === 'past-intervals') return `${running}, and two more were expected since (${verdict.due?.expect})`;
  return why === 'blocking' ? `${running}, ${blockingWords(observed, verdict)}` : blockedWords(run.job, verdict, now);
}

function blockingWords({ run, unseen }: ObservedRun, { longestMs, skips }: JobVerdict): string {
  const usual =
    longestMs === null ? 'no run has succeeded yet' : `its last successes took ${lasting(longestMs)} at most`;
  const others =
    skips === null ? 'others wait for it' : `${counted(skips.count, 'start')} in a row skipped because of it`;
  return `and ${others}; ${usual}; ${unseen ? 'end it there' : `\`kill ${run.facts.pid}\` ends it`}`;
}

function blockedWords(job: string, { skips }: JobVerdict, now: number): string {
  const since = skips === null ? '' : `: ${counted(skips.count, 'start')} in a row, the first ${ago(skips.since, now)}`;
  return `skipped${since}, and no run of the job has its lock; \`lockstep status ${inShell(job)}\` shows the holder`;
}

function failedWords({ run }: ObservedRun, now: number): string {
  if (!run.ended) return `the run of ${ago(run.at, now)} was lost: its process or its machine died`;
  const { outcome, code, reason, at } = run.ended;
  const took = tookMs(run);
  const what = outcome === 'failed' ? `exit code ${code}` : outcome === 'timed-out' ? 'timed out' : 'gave up';
  const after = took === null ? '' : `, after ${lasting(took)}`;
  return `${what}, ${ago(at, now)}${after}${reason === '' ? '' : ` (${reason})`}`;
}

function lateWords({ due, newest }: JobVerdict, now: number): string {
  if (due?.at == null) return '';
  const last = newest?.run.ended?.outcome;
  const isIdle = last === 'skipped' || last === 'not-due' || last === 'replaced' || last === 'cancelled';
  const idle = newest && isIdle ? `; its newest start, ${ago(newest.run.at, now)}, was ${last}` : '';
  const zone = due.zone === null || /^every/i.test(due.expect.trim()) ? '' : ` in ${due.zone}`;
  return `expected ${ago(due.at, now)} (${due.expect}${zone}, grace ${lasting(due.graceMs)})${idle}`;
}

function successWords({ success }: JobVerdict, now: number): string {
  return success ? `last success ${ago(success.run.at, now)}` : 'no success yet';
}

/** Describes the oldest run; with permits there may be more. */
function runningWords({ live }: JobVerdict, now: number): string | null {
  const running = live.filter(({ state }) => state === 'running');
  const first = (running.length > 0 ? running : live).at(-1);
  if (!first) return null;
  const { run, state } = first;
  const since = state === 'running' ? (run.attempts[0]?.at ?? run.at) : run.at;
  const verb = state === 'running' ? '' : 'waiting ';
  const one = `${verb}for ${lasting(Math.max(0, now - since))} (pid ${run.facts.pid})${placeWords(first)}`;
  if (live.length === 1) return one;
  const waiting = live.length - running.length;
  const counts = [
    running.length > 0 && `${running.length} of ${run.plan.permits} running`,
    waiting > 0 && `${waiting} waiting`,
  ];
  return `${counts.filter(Boolean).join(', ')}; the first ${one}`;
}

function placeWords({ run, unseen }: ObservedRun): string {
  return unseen ? ` on ${run.facts.host}, whose processes cannot be seen from here` : '';
}
