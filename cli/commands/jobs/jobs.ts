import {
  fetchRunLog,
  isJobWell,
  type JobVerdict,
  judgeJob,
  type RunLog,
  type RunReading,
  tookMs,
} from '../../../lib/jobs/index.ts';
import { orNearest } from '../../access/known-name.ts';
import type { StoreArguments } from '../../args/options.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { jobAsJson } from '../../report/job-json.ts';
import { reasonOf, resultWords } from '../../report/job-words.ts';
import { judgedJob } from '../../report/judged-job.ts';
import { LastRuns } from '../../report/last-runs.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { ago, lasting, whenIn } from '../../text/quantities.ts';
import { inShell } from '../../text/shell-word.ts';
import { stripOf } from '../../text/strip.ts';
import { printTable } from '../../text/table.ts';
import type { NamedVerdict } from './metrics.ts';

export interface JobsArguments extends StoreArguments {
  names?: string[] | undefined;
  json: boolean;
  check: boolean;
  prometheus: boolean;
  output?: string | undefined;
}

/** A job, and for a table its last runs. */
interface ShownJob extends NamedVerdict {
  lastRuns: LastRuns | null;
}

/** A job that is not well, and was not even started for so long, may have been retired. */
const LONG_AGO_MS = 7 * 24 * 3_600_000;

const HEADINGS = ['NAME', 'LAST', 'RESULT', 'TOOK', 'TYPICAL', 'NEXT DUE', 'RUNS', 'STATE', 'REASON'];

/** Opened anew, `/dev/stdout` would lose what it has if it is a file. */
const STDOUT = ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'];

export async function showJobs(args: JobsArguments): Promise<void> {
  checkOptions(args);
  const { names = [] } = args;
  const log = await fetchRunLog(args.dir, names.length === 1 ? names[0] : undefined);
  const now = Date.now();
  const jobs = judged(args, log, now);
  if (args.prometheus) return showMetrics(jobs, args.output);
  const unwell = jobs.filter(({ verdict }) => !isJobWell(verdict.state));
  const wanted = args.check ? unwell : jobs;
  if (args.json)
    print(
      jsonText(
        wanted.map(({ name, verdict }) => jobAsJson(name, verdict, now)),
        2,
      ),
    );
  else if (args.check) for (const job of wanted) print(lineOf(job, now));
  else if (jobs.length > 0) printTable([HEADINGS, ...jobs.map((job) => rowOf(job, now))]);
  else say('no job has run here yet; `lockstep job NAME -- CMD` runs one and records it');
  const isMissing = sayMissing(args, log);
  if (isMissing || (args.check && unwell.length > 0)) throw new Exit(EXIT.failed);
}

/** Reports the names of which no run was recorded: they may be slips. @returns whether there are any */
function sayMissing({ names = [] }: JobsArguments, log: RunLog): boolean {
  const missing = [...new Set(names)].filter((name) => log.readings(name).next().done);
  for (const name of missing) say(`${name}: no run of a job of that name is recorded${orNearest(name, log.jobs())}`);
  return missing.length > 0;
}

function checkOptions({ json, check, prometheus, output }: JobsArguments): void {
  if (prometheus && (json || check)) throw new UsageError('--prometheus excludes --json and --check');
  if (output !== undefined && !prometheus)
    throw new UsageError('--output needs --prometheus; otherwise redirect the output with >');
}

function judged(args: JobsArguments, log: RunLog, now: number): ShownJob[] {
  const { names = [], json, check, prometheus } = args;
  const known = names.length > 0 ? [...new Set(names)].map((name) => ({ name, problem: null })) : log.possible();
  const isTable = !json && !check && !prometheus;
  const verdictIn = (name: string) => {
    const lastRuns = isTable ? new LastRuns(known.length) : null;
    const verdict = judgedJob(log, name, now, lastRuns);
    return verdict && { name, verdict, lastRuns };
  };
  const nothing = (name: string, readings: RunReading[]) => {
    return { name, verdict: judgeJob(readings, now), lastRuns: null };
  };
  return known.flatMap(({ name, problem }): ShownJob[] => {
    if (problem !== null) return [nothing(name, [{ at: null, problem }])];
    const job = verdictIn(name);
    return job ? [job] : names.length > 0 ? [nothing(name, [])] : [];
  });
}

/** Loads the metrics library only when it is needed. */
async function showMetrics(jobs: readonly NamedVerdict[], file: string | undefined): Promise<void> {
  const { metricsText, writeMetrics } = await import('./metrics.ts');
  const text = await metricsText(jobs);
  if (file === undefined || STDOUT.includes(file)) return void process.stdout.write(text);
  await writeMetrics(file, text);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function lineOf({ name, verdict }: NamedVerdict, now: number): string {
  return shown(`${name}: ${verdict.state}: ${reasonOf(verdict, now)}${retiredHint(name, verdict, now)}`);
}

/** A job that was renamed, or taken out of the crontab, is late for ever, or has failed for ever. */
function retiredHint(name: string, { late, newest, live }: JobVerdict, now: number): string {
  const isSilent = newest !== null && live.length === 0 && (late || now - newest.run.at > LONG_AGO_MS);
  return isSilent ? `; if it is not to run any more: \`lockstep forget ${inShell(name)}\`` : '';
}

/** The last run, its result and its duration all belong to the newest run that is over. */
function rowOf({ name, verdict, lastRuns }: ShownJob, now: number): string[] {
  const { state, last, typicalMs, due } = verdict;
  const took = last && tookMs(last.run);
  const reason = reasonOf(verdict, now);
  const strip = stripOf(lastRuns?.marks(verdict) ?? []);
  return [
    name,
    last ? ago(last.run.at, now) : '-',
    last ? resultWords(last) : '-',
    took === null ? '-' : lasting(took),
    typicalMs === null ? '-' : lasting(typicalMs),
    due?.at == null ? '-' : whenIn(due.at, now),
    strip === '' ? '-' : strip,
    state,
    reason === '' ? '-' : reason,
  ];
}
