import type { Run, SkipRow } from './record-format.ts';
import { isObserved, type ObservedRun, type RunReading, type UnreadableRun } from './run-log.ts';
import { type Expectation, parseExpectation } from './schedule.ts';
import { SkipCount } from './skip-count.ts';
import { isBlocked, type StuckRun, whyStuck } from './stuck.ts';

/** The typical duration is the median of so many successes, at most. */
export const TYPICAL_RUNS = 20;
/** A start further in the future than this shows that the clock was set back. */
const CLOCK_SLACK_MS = 300_000;

/**
 * The health of a job, the most urgent state first.
 *
 * - `stuck`: a run of the job will not end by itself, takes too long, or keeps the others out for too long.
 * - `failed`: the newest run that ended by itself did not succeed.
 * - `late`: a success was due, and no run that succeeded began in time.
 * - `unknown`: the job never ran, its records cannot be read, or none of them shows a success or a failure.
 * - `running`, `ok`: all is well.
 */
export const JOB_STATES = ['stuck', 'failed', 'late', 'unknown', 'running', 'ok'] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface Due {
  /** The expectation, as the plan has it: `every 24h`, or a crontab's five fields. */
  expect: string;
  /** The time zone whose clocks it goes by; null: that of this process. */
  zone: string | null;
  graceMs: number;
  /** When the next success should start, in ms since 1970; null: never. */
  at: number | null;
}

/** The verdict on a job. More than one problem may hold; `state` is the most urgent. */
export interface JobVerdict {
  state: JobState;
  /** The newest run, however it ended. */
  newest: ObservedRun | null;
  /** The newest run that is over and was neither skipped nor not due. */
  last: ObservedRun | null;
  /** The newest run that succeeded. */
  success: ObservedRun | null;
  /** The runs that wait or run now, the newest first. */
  live: ObservedRun[];
  /** The median duration of the last successes, in ms. */
  typicalMs: number | null;
  /** The longest of them, in ms. */
  longestMs: number | null;
  /** The newest runs that were skipped, back to the last one that got its permit; null: the newest was not skipped. */
  skips: SkipRow | null;
  due: Due | null;
  stuck: StuckRun | null;
  /** The newest run that failed or was lost, unless a later run succeeded. */
  failed: ObservedRun | null;
  late: boolean;
  /** The fact that cannot be known, and why; else null. */
  problem: string | null;
}

/**
 * Whether a job's state needs no attention. Use it to filter verdicts.
 *
 * @example
 * import { isJobWell } from 'lockstep/jobs';
 * console.log(isJobWell('running'), isJobWell('late')); // prints true false
 */
export function isJobWell(state: JobState): boolean {
  return state === 'ok' || state === 'running';
}

/**
 * Returns how long the command took with all its attempts, in ms; null if it did not begin, or its end is unknown. Use it
 * to show or compare the durations of runs.
 *
 * @example
 * import { openRunLog, tookMs } from 'lockstep/jobs';
 * console.log(openRunLog().runs('backup', 10).map(({ run }) => tookMs(run))); // prints []
 */
export function tookMs({ attempts: [first], ended }: Run): number | null {
  return first && ended ? Math.max(0, ended.at - first.at) : null;
}

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
  readonly #durations: number[] = [];
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

  /** Whether older runs count only if they are not over. */
  get hasEnough(): boolean {
    return this.#counted !== null && this.#durations.length >= TYPICAL_RUNS;
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
    const durationMs = tookMs(observed.run);
    if (durationMs !== null && this.#durations.length < TYPICAL_RUNS) this.#durations.push(durationMs);
  }

  verdict(): JobVerdict {
    const expectation = this.#expectation();
    const due = expectation instanceof Error ? null : this.#due(expectation);
    const found = {
      newest: this.#newest,
      last: this.#last,
      success: this.#success,
      live: this.#live,
      typicalMs: median(this.#durations),
      longestMs: this.#longestMs,
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

  get #longestMs(): number | null {
    return this.#durations.length === 0 ? null : Math.max(...this.#durations);
  }

  #stuck(expectation: Expectation | null): StuckRun | null {
    for (const observed of this.#live) {
      const keepsOthersOut = this.#keptOut.some((run) => wasKeptOutBy(run, observed.run));
      const why = whyStuck(observed, { expectation, longestMs: this.#longestMs, keepsOthersOut }, this.#now);
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

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}
