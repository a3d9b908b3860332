import {
  type Attempt,
  isObserved,
  type JobVerdict,
  type ObservedRun,
  type Run,
  type RunReading,
  tookMs,
} from '../../lib/jobs/index.ts';
import { isoTime } from '../text/quantities.ts';
import { reasonOf, resultOf, signalOf } from './job-words.ts';

/** Jobs and runs as JSON, for programs. docs/watching-jobs.md describes it: keys are added, never renamed. */

/** A run whose record cannot be read. */
const NOTHING = {
  key: null,
  result: null,
  startedAt: null,
  acquiredAt: null,
  beganAt: null,
  endedAt: null,
  waitedMs: null,
  tookMs: null,
  code: null,
  signal: null,
  reason: '',
  by: null,
  command: null,
  pid: null,
  host: null,
  attempts: [],
  orphaned: false,
  stopped: null,
  unseen: false,
  plan: null,
};

/** One job, for `lockstep jobs --json`. */
export function jobAsJson(name: string, verdict: JobVerdict, now: number): object {
  const { state, live, newest, last, success, typicalMs, longestMs, skips, due, stuck, failed, late } = verdict;
  return {
    name,
    state,
    reason: reasonOf(verdict, now),
    late,
    failed: failed !== null,
    stuck: stuck?.why ?? null,
    running: live.map(runAsJson),
    newest: newest && runAsJson(newest),
    last: last && runAsJson(last),
    lastSuccess: success && runAsJson(success),
    typicalMs,
    longestMs,
    skippedInARow: skips?.count ?? 0,
    skippedSince: isoTime(skips?.since ?? null),
    expect: newest?.run.plan.expect ?? null,
    zone: newest?.run.plan.zone ?? null,
    graceMs: due?.graceMs ?? null,
    dueAt: isoTime(due?.at ?? null),
  };
}

/** One run. */
export function runAsJson({ run, state, orphaned, stopped, unseen }: ObservedRun): object {
  const { key, facts, label, plan, at, acquiredAt, attempts, ended } = run;
  return {
    key,
    result: resultOf({ run, state, orphaned, stopped, unseen }),
    startedAt: isoTime(at),
    acquiredAt: isoTime(acquiredAt),
    beganAt: isoTime(attempts[0]?.at ?? null),
    endedAt: isoTime(ended?.at ?? null),
    waitedMs: waitedMs(run),
    tookMs: tookMs(run),
    code: ended?.code ?? null,
    signal: signalOf(run),
    reason: ended?.reason ?? '',
    by: ended?.by || null,
    command: label,
    pid: facts.pid,
    host: facts.host,
    attempts: attempts.map(attemptAsJson),
    orphaned,
    stopped,
    unseen,
    plan,
  };
}

/** One run with its output, or a record that cannot be read, for `lockstep history --json`. */
export function readingAsJson(reading: RunReading, tailOf: (run: Run) => string): object {
  if (isObserved(reading)) return { ...runAsJson(reading), tail: tailOf(reading.run) };
  const { at, problem } = reading;
  return { ...NOTHING, result: 'unreadable', startedAt: isoTime(at), reason: problem, tail: '' };
}

/** How long a run waited for its permit, or until it gave up; null while it waits, or if unknown. */
export function waitedMs({ at, acquiredAt, ended }: Run): number | null {
  const until = acquiredAt ?? ended?.at ?? null;
  return until === null ? null : Math.max(0, until - at);
}

function attemptAsJson({ at, facts, exited }: Attempt): object {
  return {
    beganAt: isoTime(at),
    exitedAt: isoTime(exited?.at ?? null),
    pid: facts.pid,
    code: exited?.code ?? null,
    signal: exited?.signal ?? null,
    timedOut: exited?.timedOut ?? false,
  };
}
