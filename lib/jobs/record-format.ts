import { objectIn } from '../journal/json-object.ts';
import { isCount } from '../journal/record.ts';
import { fromWire, toWire } from '../session/facts.ts';
import { encodeName, isName } from '../store/name.ts';
import {
  type Attempt,
  type AttemptBegan,
  OUTCOMES,
  OVERLAPS,
  type Run,
  type RunEvent,
  type RunPlan,
  type RunStart,
  type SkipRow,
} from './run.ts';

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

export function isRunFile(file: string): boolean {
  return RUN_FILE.test(file);
}

/** Returns the start and key in a record's file name, or null if it is no such name. */
export function parseRunFile(file: string): { at: number; key: string } | null {
  const [, at, key] = RUN_FILE.exec(file) ?? [];
  return at === undefined || key === undefined ? null : { at: Number(at), key };
}

export function startText({ job, key, facts, session, at, label, plan }: RunStart): string {
  return JSON.stringify({
    lockstep: 'run',
    version: VERSION,
    job,
    key,
    facts: toWire(facts),
    session,
    at,
    label,
    plan,
  });
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
  else if (event.it === 'began') run.attempts.push({ ...attemptOf(event), exited: null });
  else if (event.it === 'ended') run.ended = event;
  else if (attempt) attempt.exited ??= event;
}

function attemptOf({ it: _, ...attempt }: AttemptBegan): Omit<Attempt, 'exited'> {
  return attempt;
}

function startIn(wire: Record<string, unknown>): RunStart | null {
  const { job, key, at, label } = wire;
  const facts = fromWire(wire.facts);
  const plan = planIn(wire.plan);
  if (typeof job !== 'string' || typeof key !== 'string' || typeof label !== 'string') return null;
  return facts && plan && isTime(at) ? { job, key, facts, ...sessionIn(wire), at, label, plan } : null;
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
    return facts && { it, at, facts, ...sessionIn(wire) };
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
  const earlierMs = durationsIn(wire.earlierMs);
  const end = { it, at, outcome, code, reason: textIn(reason), by: textIn(by), tail: textIn(tail) } as const;
  return { ...end, ...(skips && { skips }), ...(earlierMs && { earlierMs }) };
}

function sessionIn({ session }: Record<string, unknown>): Pick<RunStart, 'session'> {
  return typeof session === 'string' && session !== '' ? { session } : {};
}

function skipsIn(wire: unknown): SkipRow | null {
  if (typeof wire !== 'object' || wire === null) return null;
  const { count, since } = wire as Partial<SkipRow>;
  return isCount(count) && isTime(since) ? { count, since } : null;
}

function durationsIn(wire: unknown): number[] | null {
  return Array.isArray(wire) && wire.every(isTime) ? wire : null;
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
