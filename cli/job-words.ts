import prettyMs from 'pretty-ms';
import { type JobState, type JobVerdict, tookMs } from '../lib/job-verdict.ts';
import type { Outcome, Run } from '../lib/run-file.ts';
import type { RunState, SeenRun } from '../lib/run-history.ts';
import type { Stuck } from '../lib/stuck-run.ts';

/** The last moment that a date can be. */
const MAX_TIME_MS = 8.64e15;

/** A job and its runs in words, for a person. What others wrote is in them, and not yet `shown`. */

/** `3h 5m`, `1.5s` below a minute. */
export function lasting(ms: number): string {
  if (ms < 1_000) return prettyMs(ms, { millisecondsDecimalDigits: 0 });
  return prettyMs(ms, { secondsDecimalDigits: ms < 60_000 ? 1 : 0, unitCount: 2 });
}

export function ago(ms: number, now: number): string {
  return `${prettyMs(Math.max(0, now - ms), { unitCount: 2, secondsDecimalDigits: 0 })} ago`;
}

/** `in 5h`, `2h ago`. */
export function whenIn(ms: number, now: number): string {
  return ms < now ? ago(ms, now) : `in ${prettyMs(ms - now, { unitCount: 2, secondsDecimalDigits: 0 })}`;
}

/** `2026-11-26 02:00:05`, by the clock on the wall. */
export function localTime(ms: number): string {
  const zoneMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(Math.min(ms - zoneMs, MAX_TIME_MS)).toISOString().slice(0, -5).replace('T', ' ');
}

/** What became of a run. */
export function resultOf({ run, state }: SeenRun): Outcome | Exclude<RunState, 'ended'> {
  return run.ended?.outcome ?? (state === 'ended' ? 'lost' : state);
}

/** The same with its exit code, or the signal that ended it: `failed (3)`. */
export function resultWords(sight: SeenRun): string {
  const result = resultOf(sight);
  if (result !== 'failed') return result;
  return `failed (${signalOf(sight.run) ?? sight.run.ended?.code})`;
}

/** The signal that ended its last attempt. */
export function signalOf(run: Run): string | null {
  return run.attempts.at(-1)?.exited?.signal ?? null;
}

/** Why a job is not well, or what it does now; empty if it is just well. */
export function reasonOf(verdict: JobVerdict, now: number): string {
  const { state, stuck, failed, late, problem } = verdict;
  const known: Array<[JobState, string | null]> = [
    ['stuck', stuck && stuckWords(stuck, verdict, now)],
    ['failed', failed && failedWords(failed, now)],
    ['late', late ? lateWords(verdict, now) : null],
    ['unknown', problem],
    ['running', stuck ? null : runningWords(verdict, now)],
  ];
  const told = known.flatMap(([what, words]) => (words === null ? [] : [what === state ? words : `${what}: ${words}`]));
  if (failed || late) told.push(successWords(verdict, now));
  return told.join('; ');
}

function stuckWords({ sight, why }: Stuck, { due }: JobVerdict, now: number): string {
  const { run, stopped } = sight;
  const command = run.attempts.at(-1);
  const begun = run.attempts[0]?.at ?? run.at;
  const running = `running for ${lasting(Math.max(0, now - begun))}${placeWords(sight)}`;
  if (why === 'orphaned')
    return `${running}, but its \`lockstep job\` (pid ${run.facts.pid}) is gone: nobody will end its command (pid ${command?.facts.pid}), nor record how it ends`;
  if (why === 'stopped') {
    const pid = stopped === 'command' ? command?.facts.pid : run.facts.pid;
    return `its ${stopped === 'command' ? 'command' : '`lockstep job`'} is stopped; \`kill -CONT ${pid}\` lets it go on`;
  }
  if (why === 'past-timeout') return `${running}, past its timeout of ${lasting(run.plan.timeoutMs ?? 0)}`;
  return `${running}, and two more were expected since (${due?.expect})`;
}

function failedWords(failed: SeenRun, now: number): string {
  const { run } = failed;
  if (!run.ended) return `its process or its machine died in the middle of the run that began ${ago(run.at, now)}`;
  const took = tookMs(run);
  const { outcome, reason } = run.ended;
  const after = took === null ? '' : ` after ${lasting(took)}`;
  const why = reason === '' ? '' : ` (${reason})`;
  if (outcome === 'failed') return `${exitWords(run)} ${ago(run.ended.at, now)}${after}${why}`;
  return `${outcome} ${ago(run.ended.at, now)}${after}${why}`;
}

function exitWords(run: Run): string {
  return signalOf(run) === null ? `exit code ${run.ended?.code}` : `ended by ${signalOf(run)}`;
}

function lateWords({ due, newest }: JobVerdict, now: number): string {
  if (due?.at == null) return '';
  const last = newest?.run.ended?.outcome;
  const isIdle = last === 'skipped' || last === 'not-due' || last === 'replaced' || last === 'cancelled';
  const idle = newest && isIdle ? `; its newest start, ${ago(newest.run.at, now)}, was ${last}` : '';
  return `expected ${ago(due.at, now)} (${due.expect}, grace ${lasting(due.graceMs)})${idle}`;
}

function successWords({ success }: JobVerdict, now: number): string {
  return success ? `last success ${ago(success.run.at, now)}` : 'no success yet';
}

/** The run that was there first is told of; with permits there may be more. */
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

function placeWords({ run, unseen }: SeenRun): string {
  return unseen ? ` on ${run.facts.host}, whose processes cannot be seen from here` : '';
}
