import path from 'node:path';
import type { Past } from '../../../lib/history/index.ts';
import { StoreError } from '../../../lib/index.ts';
import { replaceFile } from '../../../lib/internal.ts';
import { fetchRunLog } from '../../../lib/jobs/index.ts';
import { nothingKept, type PastStore, pastStoreIn, sayIncomplete } from '../../access/past-store.ts';
import { parseDuration } from '../../args/duration.ts';
import type { NamesArguments } from '../../args/options.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { drawChart } from './chart.ts';
import { markup } from './drawing.ts';
import { pageOf } from './page.ts';
import { rangeOf } from './range.ts';
import { type RunResults, resultsOf } from './results.ts';

export interface TimelineArguments extends NamesArguments {
  output?: string | undefined;
  since?: string | undefined;
}

type Format = 'svg' | 'html';

export async function drawTimeline({ names = [], output, since, dir }: TimelineArguments): Promise<void> {
  if (output === undefined) throw new UsageError('missing --output: -o FILE.svg, -o FILE.html, or -o - for stdout');
  const format = formatOf(output);
  const sinceMs = since === undefined ? null : parseDuration(since, '--since');
  const store = pastStoreIn(dir);
  const { place } = store;
  const pasts = await named(names, store);
  const range = rangeOf(pasts, sinceMs);
  if (!range) {
    const when = since === undefined ? '' : ` in the last ${since}`;
    say(`there is nothing to draw: the journals in the store ${place} have no entries${when}`);
    throw new Exit(EXIT.failed);
  }
  const results = await runResults(pasts, dir);
  const isChosen = names.length > 0;
  const text =
    format === 'svg'
      ? `${markup(drawChart(pasts, range, place, { results, isChosen }))}\n`
      : pageOf({ pasts, range, store: place, results, isChosen });
  if (output === '-') process.stdout.write(text);
  else await replaceFile(output, Buffer.from(text));
}

function formatOf(output: string): Format {
  const extension = path.extname(output).toLowerCase();
  if (output === '-' || extension === '.svg') return 'svg';
  if (extension === '.html') return 'html';
  throw new UsageError(`-o ${output}: the file's name must end in .svg or .html; - is stdout`);
}

/** The past of the resources named, or of all. */
async function named(names: readonly string[], store: PastStore): Promise<Past[]> {
  const pasts =
    names.length > 0
      ? await Promise.all([...new Set(names)].map(async (name) => (await store.of(name)) ?? nothingKept(name, store)))
      : await store.all(sayUnreadable);
  for (const past of pasts) sayIncomplete(past);
  return pasts;
}

/** How the runs of those ended that are jobs. */
async function runResults(pasts: readonly Past[], dir: string | undefined): Promise<Map<Past, RunResults>> {
  const log = await fetchRunLog(dir, pasts.length === 1 ? pasts[0]?.name : undefined);
  const jobs = new Set(log.jobs());
  return new Map(pasts.flatMap((past) => (jobs.has(past.name) ? [[past, resultsOf(past, log)] as const] : [])));
}

/** Reports a damaged resource. The others are drawn nevertheless. */
function sayUnreadable(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
  say(`left out: ${messageWithRemedy(error)}`);
}
