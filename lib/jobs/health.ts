import { type Due, JOB_STATES, type JobState, type JobVerdict } from './job-verdict.ts';
import type { Run } from './run.ts';
import { isObserved, type ObservedRun, type RunReading, type UnreadableRun } from './run-log.ts';
import { type Expectation, parseExpectation } from './schedule.ts';
import { SkipCount } from './skip-count.ts';
import { isBlocked, type StuckRun, whyStuck } from './stuck.ts';
import { SuccessDurations } from './success-durations.ts';

/** A start further in the future than this shows that the clock was set back. */
const CLOCK_SLACK_MS = 300_000;

/**
 * Judges a job by the readings of its runs, the newest first: stuck, failed, late, running, ok or unknown. Pure. Use it
 * with `RunLog.readings` for an alert of your own.
 *
 * @param now the wall clock in ms since 1970
 *
 * @example
 * import { judgeJob, openRunLog } from 'lockstep/jobs';
 * console.log(judgeJob(openRunLog().readings('backup'), Date.now()).state); // prints unknown
 */
export function judgeJob(readings: Iterable<RunReading>, now: number): JobVerdict {
  const judge = new JobJudge(now);
  for (const reading of readings) judge.add(reading);
  return judge.verdict();
}

/** Judges a job by one reading after another, so that the caller need not read runs that no longer count. */
export class JobJudge {
  readonly #now: number;
  readonly #live: ObservedRun[] = [];
  readonly #durations = new SuccessDurations();
  readonly #skips = new SkipCount();
  /** The runs that did not get a permit, or have none yet. */
  readonly #keptOut: Run[] = [];
  #newest: ObservedRun | null = null;
  #oldest: ObservedRun | null = null;
  #last: ObservedRun | null = null;
  #success: ObservedRun | null = null;
  /** The newest success that did not begin in the future: the next due time counts from it. */
  #counted: ObservedRun | null = null;
  #failed: ObservedRun | null = null;
  /** The newest record, if it is unreadable. */
  #unread: UnreadableRun | null = null;

  constructor(now: number) {
    this.#now = now;
  }

  /** Adds the reading of the next older run. */
  add(reading: RunReading): void {
    if (!isObserved(reading)) {
      if (!this.#newest) this.#unread ??= reading;
      return;
    }
    this.#newest ??= reading;
    this.#oldest = reading;
    this.#skips.add(reading.run);
    if (isKeptOut(reading)) this.#keptOut.push(reading.run);
    if (isLive(reading)) this.#live.push(reading);
    else this.#addOver(reading);
  }

  /**
   * Whether older runs count only if they are not over. One success can be enough, which lists the durations of those before it.
   *
   * @param mayRun whether an older run may not be over: then the runs since the newest 20 successes show whom it kept out
   */
  hasEnough(mayRun: boolean): boolean {
    if (this.#counted === null || !this.#durations.isComplete) return false;
    return !mayRun || this.#durations.areAllRead;
  }

  #addOver(observed: ObservedRun): void {
    const outcome = observed.run.ended?.outcome;
    if (outcome !== 'skipped' && outcome !== 'not-due') this.#last ??= observed;
    if (outcome === 'succeeded') this.#addSuccess(observed);
    else if (isFailure(observed) && !this.#success) this.#failed ??= observed;
  }

  #addSuccess(observed: ObservedRun): void {
    this.#success ??= observed;
    if (observed.run.at <= this.#now + CLOCK_SLACK_MS) this.#counted ??= observed;
    this.#durations.add(observed.run);
  }

  verdict(): JobVerdict {
    const expectation = this.#expectation();
    const due = expectation instanceof Error ? null : this.#due(expectation);
    const found = {
      newest: this.#newest,
      last: this.#last,
      success: this.#success,
      live: this.#live,
      typicalMs: this.#durations.medianMs,
      longestMs: this.#durations.longestMs,
      skips: this.#skips.row,
      due,
      stuck: this.#stuck(expectation instanceof Error ? null : expectation),
      failed: this.#failed,
      late: this.#isLate(due),
      problem: this.#problem(expectation),
    };
    return { state: stateOf(found), ...found };
  }

  /** The expectation of the newest run; null if it has none. */
  #expectation(): Expectation | Error | null {
    const { expect: text = null, zone = null } = this.#newest?.run.plan ?? {};
    try {
      return text === null ? null : parseExpectation(text, zone);
    } catch (error) {
      return error as Error;
    }
  }

  /** The due time counts from the start of the last success; without one, from the start of the oldest known run. */
  #due(expectation: Expectation | null): Due | null {
    const from = (this.#counted ?? this.#oldest)?.run.at;
    if (!expectation || from === undefined) return null;
    const at = expectation.dueAfter(from);
    const { graceMs = null, zone = null } = this.#newest?.run.plan ?? {};
    return {
      expect: expectation.text,
      zone,
      graceMs: graceMs ?? expectation.defaultGraceMs,
      at: Number.isFinite(at) ? at : null,
    };
  }

  /**
   * A job is late when its due time and grace have passed without a success. A command that began by then and still runs
   * keeps the job from being late: its success will count from its start, and if it never ends, the run is stuck. A run that
   * began later, or still waits, does not.
   */
  #isLate(due: Due | null): boolean {
    if (due === null || due.at === null) return false;
    const latest = due.at + due.graceMs;
    return this.#now > latest && !this.#live.some(({ run }) => (run.attempts[0]?.at ?? Infinity) <= latest);
  }

  #stuck(expectation: Expectation | null): StuckRun | null {
    for (const observed of this.#live) {
      const keepsOthersOut = this.#keptOut.some((run) => wasKeptOutBy(run, observed.run));
      const { longestMs } = this.#durations;
      const why = whyStuck(observed, { expectation, longestMs, keepsOthersOut }, this.#now);
      if (why) return { observed, why };
    }
    return this.#blocked();
  }

  /** The newest run, if all were skipped for long because of a holder that is no run of the job. */
  #blocked(): StuckRun | null {
    const { row, newest: run } = this.#skips;
    if (row === null || run === null || this.#live.some(({ run: { acquiredAt } }) => acquiredAt !== null)) return null;
    if (!isBlocked(row, run.at)) return null;
    return { observed: { run, state: 'ended', orphaned: false, stopped: null, unseen: false }, why: 'blocked' };
  }

  #problem(expectation: Expectation | Error | null): string | null {
    if (this.#unread)
      return this.#newest ? `its newest run is unreadable: ${this.#unread.problem}` : this.#unread.problem;
    if (!this.#newest) return 'it never ran';
    if (expectation instanceof Error) return expectation.message;
    const isKnown = this.#success || this.#failed || this.#live.length > 0;
    return isKnown ? null : 'none of its runs has succeeded or failed yet';
  }
}

function stateOf({ stuck, failed, late, problem, live }: Omit<JobVerdict, 'state'>): JobState {
  const holds = { stuck, failed, late, unknown: problem, running: live.length > 0, ok: true };
  return JOB_STATES.find((state) => holds[state]) ?? 'unknown';
}

function isLive({ state }: ObservedRun): boolean {
  return state === 'waiting' || state === 'running';
}

/** Whether a run has no permit: it waits, or another one was in its way. */
function isKeptOut({ run: { acquiredAt, ended } }: ObservedRun): boolean {
  return acquiredAt === null && (!ended || ended.outcome === 'skipped' || ended.outcome === 'gave-up');
}

/** By its record; or by the time, since of several holders a record names one. */
function wasKeptOutBy({ at, ended }: Run, { key, acquiredAt }: Run): boolean {
  return acquiredAt !== null && (ended?.by === key || at >= acquiredAt);
}

/** Whether a run did not do its work. A run that was replaced or cancelled ended on purpose: the other runs count. */
function isFailure({ run: { ended }, state }: ObservedRun): boolean {
  if (state === 'lost') return true;
  return ended?.outcome === 'failed' || ended?.outcome === 'timed-out' || ended?.outcome === 'gave-up';
}
