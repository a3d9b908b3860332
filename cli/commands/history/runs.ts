import { directoryOf } from '../../../lib/disk/open-store.ts';
import { nodeHost } from '../../../lib/host/node-host.ts';
import { tookMs } from '../../../lib/jobs/health.ts';
import { tailOf } from '../../../lib/jobs/output-tail.ts';
import type { Run } from '../../../lib/jobs/record-format.ts';
import { isObserved, type ObservedRun, RunLog, type RunReading } from '../../../lib/jobs/run-log.ts';
import { readingAsJson, waitedMs } from '../../report/job-json.ts';
import { resultOf } from '../../report/job-words.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { lasting, localTime } from '../../text/quantities.ts';
import { tableLines } from '../../text/table.ts';

/** The part of `lockstep history NAME` that is for jobs. */

const HEADINGS = ['STARTED', 'WAITED', 'TOOK', 'RESULT', 'CODE', 'BY', 'REASON'];
const INDENT = '    ';

export interface JobHistoryOptions {
  /** The store, as `--dir` says it. */
  dir: string | undefined;
  json: boolean;
  /** Each run's last lines of output too. */
  output: boolean;
}

/** Whether a name is a job's: one that a run was ever written down of. */
export function hasRuns(dir: string | undefined, name: string): boolean {
  return new RunLog(nodeHost, directoryOf(dir)).readings(name).next().done === false;
}

export interface RunsWanted {
  /** How many, at most. 0: all. */
  most: number;
  /** None that were over before, in ms since 1970. */
  from: number;
}

/** The newest runs of a job that are wanted, the newest last: as a log has them. */
export function runsOf(dir: string | undefined, name: string, { most, from }: RunsWanted): RunReading[] {
  const found: RunReading[] = [];
  for (const reading of new RunLog(nodeHost, directoryOf(dir)).readings(name)) {
    if (lastSeenAt(reading) < from) continue;
    found.push(reading);
    if (found.length === most) break;
  }
  return found.reverse();
}

/** When it was over, in ms since 1970; of a run that goes on: never. */
function lastSeenAt(reading: RunReading): number {
  if (!isObserved(reading)) return reading.at ?? Number.POSITIVE_INFINITY;
  const { run, state } = reading;
  if (run.ended) return run.ended.at;
  return state === 'lost' ? run.at : Number.POSITIVE_INFINITY;
}

/** Prints them on stdout: as a table, or as one JSON array. */
export function printJobHistory(runs: readonly RunReading[], { dir, json, output }: JobHistoryOptions): void {
  const tail = (run: Run) => tailOf(nodeHost, directoryOf(dir), run);
  if (json)
    print(
      jsonText(
        runs.map((reading) => readingAsJson(reading, tail)),
        2,
      ),
    );
  else if (runs.length > 0) print(linesOf(runs, output ? tail : () => '').join('\n'));
}

function linesOf(runs: readonly RunReading[], tail: (run: Run) => string): string[] {
  const now = Date.now();
  const starts = new Map(runs.filter(isObserved).map(({ run }) => [run.key, run.at]));
  const [headings = '', ...rows] = tableLines([HEADINGS, ...runs.map((reading) => rowOf(reading, starts, now))]);
  const told = runs.map((reading) => (isObserved(reading) ? tail(reading.run) : ''));
  return [headings, ...rows.flatMap((row, at) => [row, ...indented(told[at] ?? '')])];
}

/** What a command printed: shown, not obeyed, but for its tabs. */
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

/** What a run that goes on has taken so far ends in `…`. */
function tookWords({ run, state }: ObservedRun, now: number): string {
  const ms = tookMs(run);
  if (ms !== null) return lasting(ms);
  const [first] = run.attempts;
  return state === 'running' && first ? `${lasting(Math.max(0, now - first.at))}…` : '';
}

/** Which run was there, or replaced this one: when it started, if that is known here. */
function byWords({ ended }: Run, starts: ReadonlyMap<string, number>): string {
  if (!ended || ended.by === '') return '';
  const at = starts.get(ended.by);
  return at === undefined ? ended.by : localTime(at, 'seconds');
}

function whyWords({ run, state, orphaned, stopped }: ObservedRun): string {
  if (state === 'lost') return 'nobody recorded how it ended: its process or its machine died in the middle';
  if (orphaned) return 'its `lockstep job` is gone, its command still runs';
  if (stopped) return `its ${stopped === 'job' ? '`lockstep job`' : 'command'} is stopped`;
  const tries = run.attempts.length > 1 ? `${run.attempts.length} attempts` : '';
  return [tries, run.ended?.reason].filter(Boolean).join('; ');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
