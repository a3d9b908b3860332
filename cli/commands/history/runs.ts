import { directoryOf } from '../../../lib/disk/open-store.ts';
import { nodeHost } from '../../../lib/host/node-host.ts';
import { tookMs } from '../../../lib/jobs/health.ts';
import { tailOf } from '../../../lib/jobs/output-tail.ts';
import type { Run } from '../../../lib/jobs/record-format.ts';
import { isSeen, RunHistory, type SeenRun, type Sighting } from '../../../lib/jobs/run-history.ts';
import { sightingAsJson, waitedMs } from '../../report/job-json.ts';
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
  return new RunHistory(nodeHost, directoryOf(dir)).sightings(name).next().done === false;
}

export interface RunsWanted {
  /** How many, at most. 0: all. */
  most: number;
  /** None that were over before, in ms since 1970. */
  from: number;
}

/** The newest runs of a job that are wanted, the newest last: as a log has them. */
export function runsOf(dir: string | undefined, name: string, { most, from }: RunsWanted): Sighting[] {
  const found: Sighting[] = [];
  for (const sighting of new RunHistory(nodeHost, directoryOf(dir)).sightings(name)) {
    if (lastSeenAt(sighting) < from) continue;
    found.push(sighting);
    if (found.length === most) break;
  }
  return found.reverse();
}

/** When it was over, in ms since 1970; of a run that goes on: never. */
function lastSeenAt(sighting: Sighting): number {
  if (!isSeen(sighting)) return sighting.at ?? Number.POSITIVE_INFINITY;
  const { run, state } = sighting;
  if (run.ended) return run.ended.at;
  return state === 'lost' ? run.at : Number.POSITIVE_INFINITY;
}

/** Prints them on stdout: as a table, or as one JSON array. */
export function printJobHistory(runs: readonly Sighting[], { dir, json, output }: JobHistoryOptions): void {
  const tail = (run: Run) => tailOf(nodeHost, directoryOf(dir), run);
  if (json)
    print(
      jsonText(
        runs.map((sighting) => sightingAsJson(sighting, tail)),
        2,
      ),
    );
  else if (runs.length > 0) print(linesOf(runs, output ? tail : () => '').join('\n'));
}

function linesOf(runs: readonly Sighting[], tail: (run: Run) => string): string[] {
  const now = Date.now();
  const starts = new Map(runs.filter(isSeen).map(({ run }) => [run.key, run.at]));
  const [headings = '', ...rows] = tableLines([HEADINGS, ...runs.map((sighting) => rowOf(sighting, starts, now))]);
  const told = runs.map((sighting) => (isSeen(sighting) ? tail(sighting.run) : ''));
  return [headings, ...rows.flatMap((row, at) => [row, ...indented(told[at] ?? '')])];
}

/** What a command printed: shown, not obeyed, but for its tabs. */
function indented(tail: string): string[] {
  if (tail === '') return [];
  const lines = tail.replace(/\n$/, '').split('\n');
  return lines.map((line) => `${INDENT}${line.split('\t').map(shown).join('\t')}`);
}

function rowOf(sighting: Sighting, starts: ReadonlyMap<string, number>, now: number): string[] {
  if (!isSeen(sighting)) {
    const started = sighting.at === null ? '-' : localTime(sighting.at, 'seconds');
    return [started, '-', '-', 'unreadable', '-', '-', sighting.problem];
  }
  const { run } = sighting;
  return [
    localTime(run.at, 'seconds'),
    waitWords(sighting, now),
    tookWords(sighting, now),
    resultOf(sighting),
    run.ended ? String(run.ended.code) : '-',
    byWords(run, starts),
    whyWords(sighting),
  ].map((text) => (text === '' ? '-' : text));
}

function waitWords({ run, state }: SeenRun, now: number): string {
  const ms = waitedMs(run) ?? (state === 'waiting' ? Math.max(0, now - run.at) : null);
  return ms === null ? '' : lasting(ms);
}

/** What a run that goes on has taken so far ends in `…`. */
function tookWords({ run, state }: SeenRun, now: number): string {
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

function whyWords({ run, state, orphaned, stopped }: SeenRun): string {
  if (state === 'lost') return 'nobody recorded how it ended: its process or its machine died in the middle';
  if (orphaned) return 'its `lockstep job` is gone, its command still runs';
  if (stopped) return `its ${stopped === 'job' ? '`lockstep job`' : 'command'} is stopped`;
  const tries = run.attempts.length > 1 ? `${run.attempts.length} attempts` : '';
  return [tries, run.ended?.reason].filter(Boolean).join('; ');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
