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
export function hasRuns(dir: string | undefined, name: string): boolean {
  return new RunHistory(nodeHost, directoryOf(dir)).sightings(name).next().done === false;
}

export interface RunsWanted {
  /** The largest number of runs. 0: all. */
  most: number;
  /** Excludes runs that ended before this, in ms since 1970. */
  from: number;
}

/** The newest of a job's runs that are wanted, in a log's order: the newest last. */
export function runsOf(dir: string | undefined, name: string, { most, from }: RunsWanted): Sighting[] {
  const found: Sighting[] = [];
  for (const sighting of new RunHistory(nodeHost, directoryOf(dir)).sightings(name)) {
    if (lastSeenAt(sighting) < from) continue;
    found.push(sighting);
    if (found.length === most) break;
  }
  return found.reverse();
}

/** When a run ended, in ms since 1970; infinite for a run that goes on. */
function lastSeenAt(sighting: Sighting): number {
  if (!isSeen(sighting)) return sighting.at ?? Number.POSITIVE_INFINITY;
  const { run, state } = sighting;
  if (run.ended) return run.ended.at;
  return state === 'lost' ? run.at : Number.POSITIVE_INFINITY;
}

/** Prints runs on stdout, as a table or as one JSON array. */
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
  const tails = runs.map((sighting) => (isSeen(sighting) ? tail(sighting.run) : ''));
  return [headings, ...rows.flatMap((row, at) => [row, ...indented(tails[at] ?? '')])];
}

/** A command's output, escaped except for its tabs. */
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

/** For a run that goes on, its time so far, with `…`. */
function tookWords({ run, state }: SeenRun, now: number): string {
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

function whyWords({ run, state, orphaned, stopped }: SeenRun): string {
  if (state === 'lost') return 'its end was not recorded: its process or its machine died';
  if (orphaned) return 'its `lockstep job` is gone, its command still runs';
  if (stopped) return `its ${stopped === 'job' ? '`lockstep job`' : 'command'} is stopped`;
  const tries = run.attempts.length > 1 ? `${run.attempts.length} attempts` : '';
  return [tries, run.ended?.reason].filter(Boolean).join('; ');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
