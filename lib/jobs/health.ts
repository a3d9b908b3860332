import type { Run } from './record-format.ts';
import { isSeen, type SeenRun, type Sighting, type UnreadRun } from './run-history.ts';
import { type Expectation, parseExpectation } from './schedule.ts';
import { type Stuck, whyStuck } from './stuck.ts';

/** What a job's typical duration is taken from, at most. */
export const TYPICAL_RUNS = 20;
/** A start that is further in the future than this says that the clock was set back. */
const CLOCK_SLACK_MS = 300_000;

/**
 * How a job is, the most urgent first.
 *
 * - `stuck`: a run of it will not end by itself, or takes too long.
 * - `failed`: the newest run that came to an end of its own did not succeed.
 * - `late`: no run that succeeded began when one was expected.
 * - `unknown`: it never ran, or what is written of it cannot be read, or tells neither success nor failure.
 * - `running`, `ok`: all is well.
 */
export const JOB_STATES = ['stuck', 'failed', 'late', 'unknown', 'running', 'ok'] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface Due {
  /** As `--expect` says it. */
  expect: string;
  graceMs: number;
  /** When the next success should start, in ms since 1970; null: never. */
  at: number | null;
}

/** A job, judged. More than one thing may be wrong with it; `state` is the most urgent. */
export interface JobVerdict {
  state: JobState;
  /** Its newest run, whatever became of it. */
  newest: SeenRun | null;
  /** Its newest run that is over and was not skipped, nor found not to be due. */
  last: SeenRun | null;
  /** Its newest run that succeeded. */
  success: SeenRun | null;
  /** Its runs that wait or run now, the newest first. */
  live: SeenRun[];
  /** The median duration of its last successes, in ms. */
  typicalMs: number | null;
  due: Due | null;
  stuck: Stuck | null;
  /** The run that failed or was lost, if none came to a better end since. */
  failed: SeenRun | null;
  late: boolean;
  /** Why something cannot be known; else null. */
  problem: string | null;
}

export function isJobWell(state: JobState): boolean {
  return state === 'ok' || state === 'running';
}

/** How long the command took with all its attempts, in ms; null if it was not begun, or nobody knows. */
export function tookMs({ attempts: [first], ended }: Run): number | null {
  return first && ended ? Math.max(0, ended.at - first.at) : null;
}

/** The rules, applied to a job's runs as they are seen, the newest first. Pure. */
export function judgeJob(sightings: Iterable<Sighting>, now: number): JobVerdict {
  const judge = new JobJudge(now);
  for (const sighting of sightings) judge.see(sighting);
  return judge.verdict();
}

/** The same, told one by one, so that no more of them need be looked at than count. */
export class JobJudge {
  readonly #now: number;
  readonly #live: SeenRun[] = [];
  readonly #durations: number[] = [];
  #newest: SeenRun | null = null;
  #oldest: SeenRun | null = null;
  #last: SeenRun | null = null;
  #success: SeenRun | null = null;
  /** The newest success that did not begin in the future. */
  #counted: SeenRun | null = null;
  #failed: SeenRun | null = null;
  /** The newest record, if it cannot be read. */
  #unread: UnreadRun | null = null;

  constructor(now: number) {
    this.#now = now;
  }

  /** The next older one. */
  see(sighting: Sighting): void {
    if (!isSeen(sighting)) {
      if (!this.#newest) this.#unread ??= sighting;
      return;
    }
    this.#newest ??= sighting;
    this.#oldest = sighting;
    if (isLive(sighting)) this.#live.push(sighting);
    else this.#seeOver(sighting);
  }

  /** Whether older runs matter only if they are not over. */
  get hasEnough(): boolean {
    return this.#counted !== null && this.#durations.length >= TYPICAL_RUNS;
  }

  #seeOver(sight: SeenRun): void {
    const outcome = sight.run.ended?.outcome;
    if (outcome !== 'skipped' && outcome !== 'not-due') this.#last ??= sight;
    if (outcome === 'succeeded') this.#seeSuccess(sight);
    else if (isFailure(sight) && !this.#success) this.#failed ??= sight;
  }

  #seeSuccess(sight: SeenRun): void {
    this.#success ??= sight;
    if (sight.run.at <= this.#now + CLOCK_SLACK_MS) this.#counted ??= sight;
    const durationMs = tookMs(sight.run);
    if (durationMs !== null && this.#durations.length < TYPICAL_RUNS) this.#durations.push(durationMs);
  }

  verdict(): JobVerdict {
    const expectation = this.#expectation();
    const due = expectation instanceof Error ? null : this.#due(expectation);
    const told = {
      newest: this.#newest,
      last: this.#last,
      success: this.#success,
      live: this.#live,
      typicalMs: median(this.#durations),
      due,
      stuck: this.#stuck(expectation instanceof Error ? null : expectation),
      failed: this.#failed,
      late: this.#isLate(due),
      problem: this.#problem(expectation),
    };
    return { state: stateOf(told), ...told };
  }

  /** As the newest run has it; null without one. */
  #expectation(): Expectation | Error | null {
    const text = this.#newest?.run.plan.expect ?? null;
    try {
      return text === null ? null : parseExpectation(text);
    } catch (error) {
      return error as Error;
    }
  }

  /** Counted from the start of the last success; if there is none, from the start of the oldest run that is known. */
  #due(expectation: Expectation | null): Due | null {
    const from = (this.#counted ?? this.#oldest)?.run.at;
    if (!expectation || from === undefined) return null;
    const at = expectation.dueAfter(from);
    const graceMs = this.#newest?.run.plan.graceMs ?? expectation.defaultGraceMs;
    return { expect: expectation.text, graceMs, at: Number.isFinite(at) ? at : null };
  }

  /**
   * Late is what has not succeeded by the time it was due, and its grace. A command that was begun by then and still runs
   * is not late: its success will count from its start; and if it never comes, the run is stuck. One that was begun later
   * is no excuse, nor is one that still waits.
   */
  #isLate(due: Due | null): boolean {
    if (due === null || due.at === null) return false;
    const latest = due.at + due.graceMs;
    return this.#now > latest && !this.#live.some(({ run }) => (run.attempts[0]?.at ?? Infinity) <= latest);
  }

  #stuck(expectation: Expectation | null): Stuck | null {
    for (const sight of this.#live) {
      const why = whyStuck(sight, expectation, this.#now);
      if (why) return { sight, why };
    }
    return null;
  }

  #problem(expectation: Expectation | Error | null): string | null {
    if (this.#unread)
      return this.#newest ? `its newest run cannot be told: ${this.#unread.problem}` : this.#unread.problem;
    if (!this.#newest) return 'it never ran';
    if (expectation instanceof Error) return expectation.message;
    const isTold = this.#success || this.#failed || this.#live.length > 0;
    return isTold ? null : 'none of its runs has succeeded or failed yet';
  }
}

function stateOf({ stuck, failed, late, problem, live }: Omit<JobVerdict, 'state'>): JobState {
  const holds = { stuck, failed, late, unknown: problem, running: live.length > 0, ok: true };
  return JOB_STATES.find((state) => holds[state]) ?? 'unknown';
}

function isLive({ state }: SeenRun): boolean {
  return state === 'waiting' || state === 'running';
}

/** Whether a run was to do its work and did not. Who was replaced or cancelled was ended on purpose, and others count. */
function isFailure({ run: { ended }, state }: SeenRun): boolean {
  if (state === 'lost') return true;
  return ended?.outcome === 'failed' || ended?.outcome === 'timed-out' || ended?.outcome === 'gave-up';
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}
