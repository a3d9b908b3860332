import {
  isObserved,
  type ObservedRun,
  type Run,
  type RunLog,
  type RunReading,
  tailOf,
  tookMs,
} from '../../../lib/jobs/index.ts';
import { readingAsJson, waitedMs } from '../../report/job-json.ts';
import { resultOf } from '../../report/job-words.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { lasting, localTime } from '../../text/quantities.ts';
import { tableLines } from '../../text/table.ts';

/** The run log of a job: the part of `lockstep history NAME` for jobs. */

const HEADINGS = ['STARTED', 'WAITED', 'TOOK', 'RESULT', 'CODE', 'BY', 'REASON'];
const INDENT = '    ';

export interface JobHistoryOptions {
  /** The value of `--dir`. */
  dir: string | undefined;
  json: boolean;
  /** Whether to print each run's last lines of output. */
  output: boolean;
}

/** Whether a name is a job's: whether it has a record of a run. */
export function hasRuns(log: RunLog, name: string): boolean {
  return log.readings(name).next().done === false;
}

export interface RunsWanted {
  /** The largest number of runs. 0: all. */
  most: number;
  /** Excludes runs that ended before this, in ms since 1970. */
  from: number;
}

/** The newest of a job's runs that are wanted, in a log's order: the newest last. */
export function runsOf(log: RunLog, name: string, { most, from }: RunsWanted): RunReading[] {
  const found: RunReading[] = [];
  for (const reading of log.readings(name)) {
    if (lastSeenAt(reading) < from) continue;
    found.push(reading);
    if (found.length === most) break;
  }
  return found.reverse();
}

/** When a run ended, in ms since 1970; infinite for a run that goes on. */
function lastSeenAt(reading: RunReading): number {
  if (!isObserved(reading)) return reading.at ?? Number.POSITIVE_INFINITY;
  const { run, state } = reading;
  if (run.ended) return run.ended.at;
  return state === 'lost' ? run.at : Number.POSITIVE_INFINITY;
}

/** Prints runs on stdout, as a table or as one JSON array. */
export function printJobHistory(runs: readonly RunReading[], { dir, json, output }: JobHistoryOptions): void {
  const tail = (run: Run) => tailOf(run, dir);
  const shownTail = (observed: ObservedRun) => (output ? tail(observed.run) || placeOfOutput(observed) : '');
  if (json)
    print(
      jsonText(
        runs.map((reading) => readingAsJson(reading, tail)),
        2,
      ),
    );
  else if (runs.length > 0) print(linesOf(runs, shownTail).join('\n'));
}

function linesOf(runs: readonly RunReading[], tail: (observed: ObservedRun) => string): string[] {
  const now = Date.now();
  const starts = new Map(runs.filter(isObserved).map(({ run }) => [run.key, run.at]));
  const [headings = '', ...rows] = tableLines([HEADINGS, ...runs.map((reading) => rowOf(reading, starts, now))]);
  const tails = runs.map((reading) => (isObserved(reading) ? tail(reading) : ''));
  return [headings, ...rows.flatMap((row, at) => [row, ...indented(tails[at] ?? '')])];
}

/** Of a run that goes on, or was lost, the output is only on its machine. */
function placeOfOutput({ run, unseen }: ObservedRun): string {
  return unseen ? `[its output is on ${run.facts.host}]` : '';
}

/** A command's output, escaped except for its tabs. */
function indented(tail: string): string[] {
  if (tail === '') return [];
  const lines = tail.replace(/\n$/, '').split('\n');
  return lines.map((line) => `${INDENT}${line.split('\t').map(shown).join('\t')}`);
}

function rowOf(reading: RunReading, starts: ReadonlyMap<string, number>, now: number): string[] {
  if (!isObserved(reading)) {
    const started = reading.at === null ? '-' : localTime(reading.at, 'seconds');
    return [started, '-', '-', 'unreadable', '-', '-', reading.problem];
  }
  const { run } = reading;
  return [
    localTime(run.at, 'seconds'),
    waitWords(reading, now),
    tookWords(reading, now),
    resultOf(reading),
    run.ended ? String(run.ended.code) : '-',
    byWords(run, starts),
    whyWords(reading),
  ].map((text) => (text === '' ? '-' : text));
}

function waitWords({ run, state }: ObservedRun, now: number): string {
  const ms = waitedMs(run) ?? (state === 'waiting' ? Math.max(0, now - run.at) : null);
  return ms === null ? '' : lasting(ms);
}

/** For a run that goes on, its time so far, with `…`. */
function tookWords({ run, state }: ObservedRun, now: number): string {
  const ms = tookMs(run);
  if (ms !== null) return lasting(ms);
  const [first] = run.attempts;
  return state === 'running' && first ? `${lasting(Math.max(0, now - first.at))}…` : '';
}

/** The run that made this one skip, or replaced it: its start, or its key if the start is unknown here. */
function byWords({ ended }: Run, starts: ReadonlyMap<string, number>): string {
  if (!ended || ended.by === '') return '';
  const at = starts.get(ended.by);
  return at === undefined ? ended.by : localTime(at, 'seconds');
}

function whyWords({ run, state, orphaned, stopped }: ObservedRun): string {
  if (state === 'lost') return 'its end was not recorded: its process or its machine died';
  if (orphaned) return 'its `lockstep job` is gone, its command still runs';
  if (stopped) return `its ${stopped === 'job' ? '`lockstep job`' : 'command'} is stopped`;
  const tries = run.attempts.length > 1 ? `${run.attempts.length} attempts` : '';
  return [tries, run.ended?.reason].filter(Boolean).join('; ');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
