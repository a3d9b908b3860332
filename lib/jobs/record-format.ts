import type { ProcessFacts } from '../host/host.ts';
import { objectIn } from '../journal/json-object.ts';
import { isCount } from '../journal/record.ts';
import { fromWire, toWire } from '../session/facts.ts';
import { encodeName, isName } from '../store/name.ts';

/**
 * The record of one run of a job: `<store>/jobs/<encoded name of the job>/<start>-<key>.run`.
 *
 * It holds JSON objects, one a line: first the run's start and plan, then its events. A line is only appended, by one
 * write, with its newline in front; so a crash leaves a record that stops somewhere, and a torn last line counts as not
 * written. The file names sort in the order in which the runs started.
 */

const VERSION = 1;
/** The longest tail and the most attempts fit into a record of this size. */
export const MAX_RUN_BYTES = 1024 * 1024;
const RUN_FILE = /^(\d{15})-([0-9a-z]{1,64})\.run$/;
/** The last moment that a `Date` can hold. */
const MAX_TIME_MS = 8.64e15;

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
}

export interface AttemptExited {
  it: 'exited';
  at: number;
  /** Null if a signal ended it. */
  code: number | null;
  signal: string | null;
  timedOut: boolean;
}

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
}

/** How often in a row a job's start found the lock held, and did nothing. */
export interface SkipRow {
  count: number;
  /** When the first of these runs started. */
  since: number;
}

export type RunEvent = RunAcquired | AttemptBegan | AttemptExited | RunEnded;

export interface Attempt {
  at: number;
  facts: ProcessFacts;
  exited: AttemptExited | null;
}

/** A run, as its record describes it. */
export interface Run extends RunStart {
  acquiredAt: number | null;
  attempts: Attempt[];
  ended: RunEnded | null;
}

export function jobsDirectory(store: string): string {
  return `${store}/jobs`;
}

/** @throws {MisuseError} if the name is not valid */
export function jobDirectory(store: string, job: string): string {
  return `${jobsDirectory(store)}/${encodeName(job)}`;
}

export function runFile({ at, key }: Pick<RunStart, 'at' | 'key'>): string {
  return `${String(Math.min(at, 1e15 - 1)).padStart(15, '0')}-${key}.run`;
}

/** Returns the start and key in a record's file name, or null if it is no such name. */
export function parseRunFile(file: string): { at: number; key: string } | null {
  const [, at, key] = RUN_FILE.exec(file) ?? [];
  return at === undefined || key === undefined ? null : { at: Number(at), key };
}

export function startText({ job, key, facts, at, label, plan }: RunStart): string {
  return JSON.stringify({ lockstep: 'run', version: VERSION, job, key, facts: toWire(facts), at, label, plan });
}

/** Returns one more line, with its newline in front: the newline separates it from a torn line before it. */
export function eventText(event: RunEvent): string {
  const wire = event.it === 'began' ? { ...event, facts: toWire(event.facts) } : event;
  return `\n${JSON.stringify(wire)}`;
}

/** Parses a record's text into a run, or returns why it cannot. Unknown or damaged event lines are ignored. */
export function parseRun(text: string, file: string): { run: Run } | { problem: string } {
  const [first = '', ...rest] = text.split('\n');
  const wire = objectIn(first);
  if (wire?.lockstep !== 'run') return { problem: 'its file is not the record of a run' };
  if (wire.version !== VERSION)
    return { problem: `its record is of a format that this version of Lockstep does not know; it knows ${VERSION}` };
  const start = startIn(wire);
  if (!start || !isName(start.job) || runFile(start) !== file) return { problem: 'its record is damaged' };
  const run: Run = { ...start, acquiredAt: null, attempts: [], ended: null };
  for (const line of rest) {
    const event = eventIn(objectIn(line));
    if (event) apply(run, event);
  }
  return { run };
}

function apply(run: Run, event: RunEvent): void {
  const attempt = run.attempts.at(-1);
  if (run.ended) return;
  if (event.it === 'acquired') run.acquiredAt ??= event.at;
  else if (event.it === 'began') run.attempts.push({ at: event.at, facts: event.facts, exited: null });
  else if (event.it === 'ended') run.ended = event;
  else if (attempt) attempt.exited ??= event;
}

function startIn(wire: Record<string, unknown>): RunStart | null {
  const { job, key, at, label } = wire;
  const facts = fromWire(wire.facts);
  const plan = planIn(wire.plan);
  if (typeof job !== 'string' || typeof key !== 'string' || typeof label !== 'string') return null;
  return facts && plan && isTime(at) ? { job, key, facts, at, label, plan } : null;
}

function planIn(wire: unknown): RunPlan | null {
  if (typeof wire !== 'object' || wire === null) return null;
  const { overlap, permits, timeoutMs, killAfterMs, everyMs, retries, expect, zone, graceMs } =
    wire as Partial<RunPlan>;
  if (!isOneOf(OVERLAPS, overlap) || !isCount(permits) || !isCount(retries) || !isTime(killAfterMs)) return null;
  if (!isTimeOrNull(timeoutMs) || !isTimeOrNull(everyMs) || !isTimeOrNull(graceMs)) return null;
  if (expect !== null && typeof expect !== 'string') return null;
  const zoneOrNull = typeof zone === 'string' ? zone : null;
  return { overlap, permits, timeoutMs, killAfterMs, everyMs, retries, expect, zone: zoneOrNull, graceMs };
}

function eventIn(wire: Record<string, unknown> | null): RunEvent | null {
  if (!wire || !isTime(wire.at)) return null;
  const { it, at, code } = wire;
  if (it === 'acquired') return { it, at };
  if (it === 'began') {
    const facts = fromWire(wire.facts);
    return facts && { it, at, facts };
  }
  if (it === 'exited') {
    const { signal, timedOut } = wire;
    if ((code !== null && !isCount(code)) || (signal !== null && typeof signal !== 'string')) return null;
    return { it, at, code, signal, timedOut: timedOut === true };
  }
  if (it !== 'ended') return null;
  const { outcome, reason, by, tail } = wire;
  if (!isOneOf(OUTCOMES, outcome) || !isCount(code)) return null;
  const skips = skipsIn(wire.skips);
  const end = { it, at, outcome, code, reason: textIn(reason), by: textIn(by), tail: textIn(tail) } as const;
  return skips === null ? end : { ...end, skips };
}

function skipsIn(wire: unknown): SkipRow | null {
  if (typeof wire !== 'object' || wire === null) return null;
  const { count, since } = wire as Partial<SkipRow>;
  return isCount(count) && isTime(since) ? { count, since } : null;
}

function isOneOf<T extends string>(list: readonly T[], value: unknown): value is T {
  return list.includes(value as T);
}

/** Whether a value is a moment or a duration in ms. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIME_MS;
}

function isTimeOrNull(value: unknown): value is number | null {
  return value === null || isTime(value);
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
