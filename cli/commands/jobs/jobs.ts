import { JobJudge } from '../../../lib/internal.ts';
import { isJobWell, type JobVerdict, judgeJob, openRunLog, type RunLog, tookMs } from '../../../lib/jobs/index.ts';
import { orNearest } from '../../access/known-name.ts';
import type { StoreArguments } from '../../args/options.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { jobAsJson } from '../../report/job-json.ts';
import { reasonOf, resultWords } from '../../report/job-words.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { ago, lasting, whenIn } from '../../text/quantities.ts';
import { inShell } from '../../text/shell-word.ts';
import { printTable } from '../../text/table.ts';
import type { NamedVerdict } from './metrics.ts';

export interface JobsArguments extends StoreArguments {
  names?: string[] | undefined;
  json: boolean;
  check: boolean;
  prometheus: boolean;
  output?: string | undefined;
}

/** A job that is not well, and was not even started for so long, may have been retired. */
const LONG_AGO_MS = 7 * 24 * 3_600_000;

const HEADINGS = ['NAME', 'LAST', 'RESULT', 'TOOK', 'TYPICAL', 'NEXT DUE', 'SKIPS', 'STATE', 'REASON'];

/** Opened anew, `/dev/stdout` would lose what it has if it is a file. */
const STDOUT = ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'];

export async function showJobs(args: JobsArguments): Promise<void> {
  checkOptions(args);
  const now = Date.now();
  const jobs = judged(args, now);
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
  const isMissing = sayMissing(args);
  if (isMissing || (args.check && unwell.length > 0)) throw new Exit(EXIT.failed);
}

/** Reports the names of which no run was recorded: they may be slips. @returns whether there are any */
function sayMissing({ names = [], dir }: JobsArguments): boolean {
  const log = openRunLog(dir);
  const missing = [...new Set(names)].filter((name) => log.readings(name).next().done);
  for (const name of missing) say(`${name}: no run of a job of that name is recorded${orNearest(name, log.jobs())}`);
  return missing.length > 0;
}

function checkOptions({ json, check, prometheus, output }: JobsArguments): void {
  if (prometheus && (json || check)) throw new UsageError('--prometheus excludes --json and --check');
  if (output !== undefined && !prometheus)
    throw new UsageError('--output needs --prometheus; otherwise redirect the output with >');
}

function judged({ names = [], dir }: JobsArguments, now: number): NamedVerdict[] {
  const log = openRunLog(dir);
  if (names.length > 0) return [...new Set(names)].map((name) => ({ name, verdict: verdictOf(log, name, now) }));
  return log.known().flatMap(({ name, problem }) => {
    const verdict = problem === null ? verdictOf(log, name, now) : judgeJob([{ at: null, problem }], now);
    return [{ name, verdict }];
  });
}

function verdictOf(log: RunLog, name: string, now: number): JobVerdict {
  const judge = new JobJudge(now);
  for (const reading of log.readings(name, () => judge.hasEnough)) judge.add(reading);
  return judge.verdict();
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
function rowOf({ name, verdict }: NamedVerdict, now: number): string[] {
  const { state, last, typicalMs, due, skips } = verdict;
  const took = last && tookMs(last.run);
  const reason = reasonOf(verdict, now);
  return [
    name,
    last ? ago(last.run.at, now) : '-',
    last ? resultWords(last) : '-',
    took === null ? '-' : lasting(took),
    typicalMs === null ? '-' : lasting(typicalMs),
    due?.at == null ? '-' : whenIn(due.at, now),
    skips === null ? '-' : String(skips.count),
    state,
    reason === '' ? '-' : reason,
  ];
}
