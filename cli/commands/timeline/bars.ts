import { holdOf, type Past, type Span, waitOf } from '../../../lib/history/index.ts';
import { isOver, lastOf } from '../../../lib/internal.ts';
import { endWords, momentWords, stretchWords } from '../../report/span-words.ts';
import { shown } from '../../text/escape.ts';
import { bar, type Drawn, el, text } from './drawing.ts';
import { MARKS } from './marks.ts';
import { startOf } from './range.ts';
import { CLASSES, RESULT_WORDS, type RunResult, type RunResults } from './results.ts';

/** Where a row is: its middle, and the thickness of a holding bar in it. */
export interface RowPlace {
  y: number;
  thickness: number;
  /** Whether its bars have pids, because the row is of several processes. */
  isNamed: boolean;
  /** The id of the pattern of waiting. */
  hatch: string;
  /** Of a job: how the run ended that each span is of. */
  results: RunResults;
}

export type Scale = (at: number) => number;

/** The width from which a bar has a pid written into it. */
const NAMED_FROM = 50;

/** An entry's time in the line: thin and hatched while it waited, thick and solid while it held. */
export function drawSpan(span: Span, past: Past, scale: Scale, place: RowPlace): Drawn {
  const start = startOf(span, past);
  const end = Math.max(start, lastOf(span, past.readAt));
  // Where the clocks disagree, the grant is drawn no earlier than the entry.
  const granted = span.held ? Math.max(start, span.grantedAt ?? start) : end;
  const { y } = place;
  return el(
    'g',
    {},
    el('title', {}, tooltipOf(span, past.readAt, place.results.get(span))),
    granted > start ? waitBar(scale(start), scale(granted), place) : null,
    span.held ? holdBar(span, scale(granted), scale(end), place) : null,
    markOf(span, place.results.get(span), scale(end), y),
  );
}

function waitBar(from: number, to: number, { y, thickness, hatch }: RowPlace): Drawn {
  return el('g', { fill: `url(#${hatch})` }, bar('wait', from, to, y - thickness / 4, thickness / 2));
}

function holdBar(span: Span, from: number, to: number, { y, thickness, isNamed, results }: RowPlace): Drawn[] {
  const { ask, pid, stale } = span;
  const result = results.get(span);
  const held = result ? CLASSES[result] : 'hold';
  const height = ask === 0 ? thickness * 0.62 : thickness;
  const solid = bar(`${ask === 0 ? 'shared' : held}${stale === null ? '' : ' gone'}`, from, to, y - height / 2, height);
  if (!isNamed || to - from < NAMED_FROM || ask === 0) return [solid];
  return [solid, text('onhold small middle', (from + to) / 2, y + 4, String(pid))];
}

function markOf(span: Span, result: RunResult | undefined, x: number, y: number): Drawn | null {
  const { end } = span;
  if (!isOver(span)) return MARKS.open(x, y);
  if (result && CLASSES[result] === 'failed') return MARKS.failed(x, y);
  return end === 'evicted' || end === 'stolen' || end === 'gave up waiting' ? MARKS[end](x, y) : null;
}

function tooltipOf(span: Span, now: number, result: RunResult | undefined): string {
  const { pid, host, label, ask, held } = span;
  const share = ask === 0 ? ', shared' : ask > 1 ? `, ${ask} permits` : '';
  return [
    `pid ${pid} on ${shown(host)}${share}`,
    ...(label === '' ? [] : [shown(label)]),
    `entered ${momentWords(span.enteredAt)}`,
    `waited ${stretchWords(waitOf(span, now))}${held ? `, held ${stretchWords(holdOf(span, now))}` : ''}`,
    shown(endWords(span)),
    ...(result
      ? [`the run ${result === 'succeeded' || result === 'failed' ? '' : 'was '}${RESULT_WORDS[result]}`]
      : []),
  ].join('\n');
}
