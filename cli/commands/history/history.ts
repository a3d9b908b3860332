import { holdOf, type Past, type PastAction, type Span, waitOf } from '../../../lib/history/index.ts';
import { lastOf } from '../../../lib/internal.ts';
import { fetchRunLog, type RunLog } from '../../../lib/jobs/index.ts';
import { nothingKept, pastStoreBeside, pastStoreIn, sayIncomplete } from '../../access/past-store.ts';
import { resourceOf } from '../../access/target.ts';
import { parseDuration } from '../../args/duration.ts';
import type { ResourceArguments } from '../../args/options.ts';
import { sayNothing, UsageError } from '../../output/exit.ts';
import { actionAsJson, spanAsJson } from '../../report/span-json.ts';
import { actionWords, endWords, momentWords, outcomeWords, stretchWords } from '../../report/span-words.ts';
import { figuresOf, summaryOf } from '../../report/statistics.ts';
import { jsonText } from '../../text/escape.ts';
import { printTable } from '../../text/table.ts';
import { hasRuns, printJobHistory, runsOf } from './runs.ts';

export interface HistoryArguments extends ResourceArguments {
  number: number;
  since?: string | undefined;
  summary: boolean;
  lock: boolean;
  output: boolean;
  json: boolean;
}

const HEADINGS = ['ENTERED', 'WAITED', 'HELD', 'PID', 'HOST', 'COMMAND', 'END'];

export async function showHistory(args: HistoryArguments): Promise<void> {
  check(args);
  const { name, beside } = resourceOf(args);
  if (beside === null && !args.lock) {
    const log = await fetchRunLog(args.dir, name);
    if (hasRuns(log, name)) return showRuns(log, name, args);
  }
  const store = beside === null ? pastStoreIn(args.dir) : pastStoreBeside(beside);
  if (args.output) throw new UsageError(`${name} is not a job, and only runs of a job have output: omit --output`);
  const past = (await store.of(name)) ?? (await nothingKept(name, store));
  sayIncomplete(past);
  printPast(past, args);
}

/** Prints a job's runs. */
function showRuns(log: RunLog, name: string, { dir, number, since, summary, json, output }: HistoryArguments): void {
  if (summary)
    throw new UsageError(
      `${name} is a job, and its runs have no summary: add --lock for its lock’s log, or omit --summary`,
    );
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.now() - parseDuration(since, '--since');
  const runs = runsOf(log, name, { most: number, from });
  if (runs.length === 0 && !json) sayNothing(`${name}: no run is recorded of the last ${since}`);
  printJobHistory(runs, { dir, json, output });
}

/** Prints a resource's acquire/release log. */
function printPast(past: Past, args: HistoryArguments): void {
  const { readAt } = past;
  const { since } = args;
  const events = wanted(past, args);
  if (args.json) {
    const objects = events.map((event) => ('did' in event ? actionAsJson(event) : spanAsJson(event, readAt)));
    process.stdout.write(`${jsonText(objects, 2)}\n`);
    return;
  }
  const rows = events.map((event) => ('did' in event ? actionRow(event) : spanRow(event, readAt)));
  if (rows.length > 0) printTable([HEADINGS, ...rows]);
  else sayNothing(`${past.name}: nothing is recorded${since === undefined ? '' : ` of the last ${since}`}`);
  const spans = events.flatMap((event) => ('did' in event ? [] : [event]));
  if (args.summary) process.stdout.write(`${summaryOf(figuresOf(spans, readAt))}\n`);
}

function check({ number, json, summary, lock, output }: HistoryArguments): void {
  if (lock && output) throw new UsageError('--output and --lock exclude each other: only runs of a job have output');
  if (!Number.isSafeInteger(number) || number < 0) throw new UsageError('--number must be a whole number, 0 for all');
  if (json && summary) throw new UsageError('--json has no summary: omit --summary');
}

/** The spans and actions that the options ask for, in the order in which they began. */
function wanted({ spans, actions, readAt }: Past, { number, since }: HistoryArguments): Array<Span | PastAction> {
  const from = since === undefined ? Number.NEGATIVE_INFINITY : readAt - parseDuration(since, '--since');
  const events = [
    ...spans.filter((span) => lastOf(span, readAt) >= from),
    ...actions.filter(({ at }) => (at ?? Number.POSITIVE_INFINITY) >= from),
  ].sort((one, other) => one.order - other.order);
  return number === 0 ? events : events.slice(-number);
}

function spanRow(span: Span, now: number): string[] {
  return cells([
    momentWords(span.enteredAt),
    stretchWords(waitOf(span, now)),
    span.held ? stretchWords(holdOf(span, now)) : '',
    String(span.pid),
    span.host,
    span.label,
    endWords(span),
  ]);
}

function actionRow(action: PastAction): string[] {
  const { at, pid, host } = action;
  return cells([momentWords(at), '', '', String(pid ?? ''), host ?? '', actionWords(action), outcomeWords(action)]);
}

function cells(texts: readonly string[]): string[] {
  return texts.map((text) => (text === '' ? '-' : text));
}
