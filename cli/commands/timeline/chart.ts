import type { Past, Span } from '../../../lib/history/index.ts';
import { lastOf } from '../../../lib/internal.ts';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { cut } from '../../text/truncate.ts';
import { wrapped } from '../../text/wrapped.ts';
import { type Drawn, el, line, text } from './drawing.ts';
import { drawGroup, type Frame, type Shown } from './group.ts';
import { CHARACTER, type Layout, WIDE } from './layout.ts';
import { drawLegend } from './legend.ts';
import { STYLE } from './palette.ts';
import { mostOf, waitingOver } from './queue.ts';
import { type Range, rangeWords, scaleOf, ticksOf } from './range.ts';
import type { RunResults } from './results.ts';
import { rowsOf } from './rows.ts';
import { contendedShare } from './share.ts';

/** After so much of a picture its times are repeated. */
const AXIS_EVERY = 420;
const AXIS = 22;
/** The largest number of entries, and of actions, that is drawn. More could not be distinguished, and slow browsers down. */
export const MOST_DRAWN = 2_000;
const TITLE = 'Holders and waiters over time';
const NOBODY: RunResults = new Map();

/** The subject of a picture: the pasts that are drawn, and the time range. */
export interface Subject {
  pasts: readonly Past[];
  range: Range;
  store: string;
  /** Of jobs: how their runs ended. */
  results?: ReadonlyMap<Past, RunResults>;
  /** Whether a user has chosen the resources: then they are drawn as they are, in that order. */
  isChosen?: boolean;
}

/** A part of a picture, `height` high. */
interface Part {
  drawn: Drawn[];
  height: number;
}

/** Draws the whole picture. `range` is the time that it shows. */
export function drawChart(
  pasts: readonly Past[],
  range: Range,
  store: string,
  more: Pick<Subject, 'results' | 'isChosen'> = {},
): Drawn {
  const subject = { pasts, range, store, ...more };
  const groups = drawable(subject);
  const frame = frameOf(range, WIDE);
  const head = drawHead(subject, groups, WIDE);
  const body = drawBody(groups, frame, head.height, true);
  return picture(WIDE, head.height + body.height, subject, [...head.drawn, ...body.drawn]);
}

/** The same as three pictures, of which the second stays in sight while the reader scrolls. */
export function drawParts(subject: Subject, layout: Layout): { head: Drawn; axis: Drawn; body: Drawn } {
  const groups = drawable(subject);
  const frame = frameOf(subject.range, layout);
  const head = drawHead(subject, groups, layout);
  const body = drawBody(groups, frame, 0, false);
  // The definitions in the first of them are there for all.
  const as = ({ drawn, height }: Part) => picture(layout, height, subject, drawn, []);
  return {
    head: picture(layout, head.height, subject, head.drawn),
    axis: as({ drawn: axis(frame, 0), height: AXIS }),
    body: as(body),
  };
}

function frameOf(range: Range, layout: Layout): Frame {
  const scale = scaleOf(range, layout.left, layout.right);
  return { layout, range, scale, ticks: ticksOf(scale, layout.ticks, layout.width - layout.right - 2) };
}

function picture(
  { width, hatch }: Layout,
  height: number,
  { store, range }: Subject,
  content: readonly Drawn[],
  definitions: readonly Drawn[] = [el('style', {}, STYLE), el('defs', {}, pattern(hatch))],
): Drawn {
  return el(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'chart',
      viewBox: `0 0 ${width} ${Math.ceil(height)}`,
      width,
      height: Math.ceil(height),
      role: 'img',
      'aria-label': `${TITLE}: the store ${shown(store)}, ${rangeWords(range)}`,
    },
    definitions,
    el('rect', { class: 'paper', width: '100%', height: '100%' }),
    content,
  );
}

function pattern(id: string): Drawn {
  const attributes = { id, width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' };
  return el('pattern', attributes, line('hatch', [1, 0], [1, 5]));
}

/** The title, what the picture shows, and the legend. */
function drawHead({ store, range }: Subject, { shown: groups, omitted }: Drawable, layout: Layout): Part {
  const { margin, right } = layout;
  const most = Math.floor((right - margin) / CHARACTER.body);
  const words = `Store ${shown(store)}, ${rangeWords(range)}${omitted === '' ? '' : `; ${omitted}`}`;
  const lines = wrapped(words, most).map((one) => cut(one, most));
  const legend = drawLegend(groups, layout, 46 + lines.length * 18);
  return {
    drawn: [
      text('title', margin, 34, TITLE),
      ...lines.map((one, at) => text('muted', margin, 56 + at * 18, one)),
      ...legend.drawn,
    ],
    height: 46 + lines.length * 18 + legend.height + 6,
  };
}

/** All resources, from `top` downward. `hasAxis`: with the times above them, and again where those are out of sight. */
function drawBody({ shown: groups, idle }: Drawable, frame: Frame, top: number, hasAxis: boolean): Part {
  const drawn: Drawn[] = [];
  let y = top;
  let axisAt = Number.NEGATIVE_INFINITY;
  for (const group of groups) {
    if (hasAxis && y - axisAt > AXIS_EVERY) {
      drawn.push(...axis(frame, y));
      axisAt = y;
      y += AXIS;
    }
    const { drawn: part, height } = drawGroup(group, frame, y);
    drawn.push(part);
    y += height;
  }
  if (hasAxis && y - axisAt > AXIS_EVERY) {
    drawn.push(...axis(frame, y));
    y += AXIS;
  }
  const rest = idleLines(idle, frame.layout);
  drawn.push(...rest.map((words, at) => text('muted small', frame.layout.margin, y + 20 + at * 16, words)));
  return { drawn, height: y + rest.length * 16 + 14 - top };
}

function axis({ ticks }: Frame, y: number): Drawn[] {
  return ticks.flatMap(({ x, text: words }) => (words === '' ? [] : [text('muted small middle', x, y + 14, words)]));
}

/** The names of resources that were not used in this time, in two lines at most. */
function idleLines(idle: readonly Past[], { margin, right }: Layout): string[] {
  if (idle.length === 0) return [];
  const most = Math.floor((right - margin) / CHARACTER.small);
  const lines = wrapped(`Not used in this time: ${idle.map(({ name }) => shown(name)).join(', ')}`, most);
  const [first = '', second] = lines.slice(0, 2).map((one) => cut(one, most));
  if (second === undefined) return [first];
  return [first, lines.length > 2 ? `${cut(second, most - 2)} …` : second];
}

interface Drawable {
  /** The most contended come first; those for which nobody waited are folded. */
  shown: Shown[];
  idle: Past[];
  /** The parts that are left out, in words. */
  omitted: string;
}

/** The newest entries and actions in the range, up to the limit. */
function drawable({ pasts, range, results, isChosen = false }: Subject): Drawable {
  const { from } = range;
  const spans = pasts.flatMap((past) =>
    past.spans.map((span) => ({ span, at: lastOf(span, past.readAt) })).filter(({ at }) => at >= from),
  );
  const actions = pasts.flatMap((past) =>
    past.actions.map((action) => ({ action, at: action.at ?? from })).filter(({ at }) => at >= from),
  );
  const drawnSpans = new Set(newest(spans).map(({ span }) => span));
  const drawnActions = new Set(newest(actions).map(({ action }) => action));
  const omitted = [
    [spans.length - drawnSpans.size, 'older entry', 'older entries'] as const,
    [actions.length - drawnActions.size, 'older action', 'older actions'] as const,
  ].filter(([count]) => count > 0);
  const all = pasts.map((past): Shown => {
    const own = past.spans.filter((span) => drawnSpans.has(span));
    const done = past.actions.filter((action) => drawnActions.has(action));
    const isContended = mostOf(waitingOver(past, range)) > 0;
    const isCalm = !isContended && done.length === 0 && (past.kind === 'lock' || past.kind === 'semaphore');
    const isFolded = !isChosen && isCalm && isOneRow(past, own, range);
    return { past, spans: own, actions: done, results: results?.get(past) ?? NOBODY, isContended, isFolded };
  });
  const used = all.filter((one) => one.spans.length + one.actions.length > 0);
  return {
    shown: isChosen ? used : used.sort((one, other) => rankOf(other, range) - rankOf(one, range)),
    idle: all.filter((one) => !used.includes(one)).map(({ past }) => past),
    omitted: omitted.map(([count, one, more]) => `${counted(count, one, more)} left out`).join(', '),
  };
}

/** Contended resources first, those that are folded last; in between what has no line to wait in. */
function rankOf({ past, isContended, isFolded }: Shown, range: Range): number {
  return isContended ? 1 + contendedShare(past, range) : isFolded ? 0 : 1;
}

/** Whether all fits into one row: nobody held it beside another. */
function isOneRow(past: Past, spans: readonly Span[], { from, to }: Range): boolean {
  const one = spans.map((span): Span => ({ ...span, session: '' }));
  return rowsOf(past, one, to - from).length <= 1;
}

function newest<T extends { at: number }>(events: readonly T[]): T[] {
  return events.toSorted((one, other) => other.at - one.at).slice(0, MOST_DRAWN);
}
