import type { Report, ReportReading } from './report-file.ts';

/** A report is late after this many of its own intervals, and never before this long. */
const PATIENCE_INTERVALS = 3;
const MIN_PATIENCE_MS = 1_000;

/**
 * - `alive`: its heartbeats arrive.
 * - `late`: its last heartbeat is too old, but nothing proves that its process is gone.
 * - `gone`: its process is proved gone without an end mark, or it reported a failure.
 * - `ended`: it reported a clean end.
 * - `unknown`: it never reported, or its report cannot be read.
 */
export type BeatState = 'alive' | 'late' | 'gone' | 'ended' | 'unknown';

/** The result of one look at a reporter: its report, and its process. */
export interface ReporterReading {
  reading: ReportReading;
  /** When the report was last touched, by its file's time, in ms since 1970. */
  beatAt: number;
  /** For how long it has not been touched, in ms. */
  ageMs: number;
  /** As `whyGone` returns it. */
  gone: string | null | undefined;
}

export interface Verdict {
  state: BeatState;
  /** Since when, in ms since 1970; null if that is not known. */
  since: number | null;
  /** Why; empty if it is alive. */
  reason: string;
}

/**
 * Whether a reporter's state needs no attention. Use it to filter what a monitor found.
 *
 * @example
 * import { isWell } from 'lockstep/monitor';
 * console.log(isWell('ended'), isWell('gone')); // prints true false
 */
export function isWell(state: BeatState): boolean {
  return state === 'alive' || state === 'ended';
}

/** How old a report may be before it is late, in ms. `chosen` is the user's own bound for all. */
export function patienceOf(report: Report, chosen?: number): number {
  return chosen ?? Math.max(MIN_PATIENCE_MS, PATIENCE_INTERVALS * report.everyMs);
}

/** The rules by which a reporter is judged. Pure. */
export function judge({ reading, beatAt, ageMs, gone }: ReporterReading, maxAgeMs?: number): Verdict {
  if ('problem' in reading) return { state: 'unknown', since: null, reason: reading.problem };
  const { report } = reading;
  const { mark } = report;
  if (mark?.state === 'ended') return { state: 'ended', since: mark.at, reason: 'it ended well' };
  if (mark) return { state: 'gone', since: mark.at, reason: `it failed with exit code ${mark.code}` };
  if (typeof gone === 'string') return { state: 'gone', since: beatAt, reason: gone };
  if (ageMs <= patienceOf(report, maxAgeMs)) return { state: 'alive', since: report.since, reason: '' };
  const hint = gone === null ? 'its process is there' : 'its process cannot be seen from here';
  return { state: 'late', since: beatAt, reason: `it does not beat, but ${hint}` };
}
