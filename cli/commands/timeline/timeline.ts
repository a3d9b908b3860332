import path from 'node:path';
import type { Past } from '../../../lib/history/index.ts';
import { StoreError } from '../../../lib/index.ts';
import { replaceFile } from '../../../lib/internal.ts';
import { nothingKept, type PastStore, pastStoreIn, sayDamaged } from '../../access/past-store.ts';
import { parseDuration } from '../../args/duration.ts';
import type { NamesArguments } from '../../args/options.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { drawChart } from './chart.ts';
import { markup } from './drawing.ts';
import { pageOf } from './page.ts';
import { rangeOf } from './range.ts';

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
  const pasts = named(names, store);
  const range = rangeOf(pasts, sinceMs);
  if (!range) {
    const when = since === undefined ? '' : ` in the last ${since}`;
    say(`there is nothing to draw: the journals in the store ${place} have no entries${when}`);
    throw new Exit(EXIT.failed);
  }
  const chart = drawChart(pasts, range, place);
  const text = format === 'svg' ? `${markup(chart)}\n` : pageOf(chart, pasts, range, place);
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
function named(names: readonly string[], store: PastStore): Past[] {
  const { history } = store;
  const pasts =
    names.length > 0
      ? [...new Set(names)].map((name) => history?.of(name) ?? nothingKept(name, store))
      : (history?.all(sayUnreadable) ?? []);
  for (const { name, damaged } of pasts) sayDamaged(name, damaged);
  return pasts;
}

/** Reports a damaged resource. The others are drawn nevertheless. */
function sayUnreadable(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
  say(`left out: ${messageWithRemedy(error)}`);
}
