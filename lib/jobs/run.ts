import type { ProcessFacts } from '../host/host.ts';

export const OUTCOMES = [
  'succeeded',
  'failed',
  'timed-out',
  'replaced',
  'cancelled',
  'skipped',
  'not-due',
  'gave-up',
] as const;
/**
 * How a run ended.
 *
 * - `succeeded`: the command exited with 0.
 * - `failed`: the command exited otherwise, could not be started, or ran when the lease was lost.
 * - `timed-out`: the command ran past its timeout and was ended.
 * - `replaced`: a later run (`by`) ended this one, or took its place in line.
 * - `cancelled`: a signal to the run's wrapper ended the run.
 * - `skipped`: another run (`by`) held the lock, so the command did not begin.
 * - `not-due`: the last success (`by`) was younger than `everyMs`, so the command did not begin.
 * - `gave-up`: the wait for the lock reached its limit, so the command did not begin.
 */
export type Outcome = (typeof OUTCOMES)[number];

export const OVERLAPS = ['skip', 'wait', 'replace'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** The options of a run. Times in ms; null where an option was not given. */
export interface RunPlan {
  overlap: Overlap;
  permits: number;
  timeoutMs: number | null;
  killAfterMs: number;
  everyMs: number | null;
  retries: number;
  /** When a success is due: `every 24h`, or a crontab's five fields. */
  expect: string | null;
  /**
   * The time zone whose clocks `expect` goes by, by its IANA name. Null: there is no expectation, the zone has no name, or an older
   * Lockstep wrote the record; then the reader's zone counts.
   */
  zone: string | null;
  graceMs: number | null;
}

/** The first line. Wall-clock times in ms since 1970, here and below. */
export interface RunStart {
  job: string;
  /** Random: no other run has it. */
  key: string;
  /** Of the run's wrapper, the process that is `lockstep job`. */
  facts: ProcessFacts;
  /**
   * The key of its session, which owns the run's entry in the lock's line, and so proves elsewhere too whether it lives. On a store on
   * disk only. (Records of an older Lockstep have none.)
   */
  session?: string;
  at: number;
  /** The command, shortened. */
  label: string;
  plan: RunPlan;
}

/** The run got its permit. */
export interface RunAcquired {
  it: 'acquired';
  at: number;
}

/** An attempt began: the command was started, for the first time or again. */
export interface AttemptBegan {
  it: 'began';
  at: number;
  /** Of the command's process. */
  facts: ProcessFacts;
  /** The key by which the command owns the run's entry, too: as of the run. */
  session?: string;
}

/** An attempt's command exited. */
export interface AttemptExited {
  it: 'exited';
  at: number;
  /** Null if a signal ended it. */
  code: number | null;
  signal: string | null;
  timedOut: boolean;
}

/** The run ended, with or without an attempt. */
export interface RunEnded {
  it: 'ended';
  at: number;
  outcome: Outcome;
  /** The exit code of the run's wrapper. */
  code: number;
  /** Why, in words; empty where the outcome is enough. */
  reason: string;
  /** The key of the run that caused this outcome; empty if there is none, or it is unknown. */
  by: string;
  /** The last lines of the output. */
  tail: string;
  /** Of a run that was skipped: the skips in a row, up to this one. (Records of an older Lockstep have none.) */
  skips?: SkipRow;
  /**
   * Of a run that succeeded: how long the successes before it took, the newest first, 19 at most. (Records of an older Lockstep
   * have none.)
   */
  earlierMs?: readonly number[];
}

/** How often in a row a job's start found the lock held, and did nothing. */
export interface SkipRow {
  count: number;
  /** When the first of these runs started. */
  since: number;
}

/** An event in a run's record, after the start. */
export type RunEvent = RunAcquired | AttemptBegan | AttemptExited | RunEnded;

/** One call of a run's command. */
export interface Attempt {
  at: number;
  facts: ProcessFacts;
  /** As of the run. */
  session?: string;
  exited: AttemptExited | null;
}

/** A run, as its record describes it. */
export interface Run extends RunStart {
  acquiredAt: number | null;
  attempts: Attempt[];
  ended: RunEnded | null;
}
