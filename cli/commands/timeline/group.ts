import type { Past, PastAction, Span } from '../../../lib/history/index.ts';
import { kindOf } from '../../report/line-words.ts';
import { actionWords, momentWords, outcomeWords } from '../../report/span-words.ts';
import { figuresOf, summaryOf } from '../../report/statistics.ts';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { cut, widthOf } from '../../text/truncate.ts';
import { drawSpan, type RowPlace, type Scale } from './bars.ts';
import { bar, type Drawn, el, line, text } from './drawing.ts';
import { CHARACTER, type Layout } from './layout.ts';
import { ACTION_MARKS } from './marks.ts';
import { drawQueue, drawValues, leastOf, mostOf, valuesOver, waitingOver } from './queue.ts';
import type { Range, Tick } from './range.ts';
import type { RunResults } from './results.ts';
import { type Row, rowsOf } from './rows.ts';

/** The area of all groups, and the time it shows. */
export interface Frame {
  layout: Layout;
  range: Range;
  scale: Scale;
  ticks: readonly Tick[];
}

/** A resource, and the part of its past that is drawn. */
export interface Shown {
  past: Past;
  spans: Span[];
  actions: PastAction[];
  /** Of a job: how its runs ended. */
  results: RunResults;
  /** Whether somebody waited for it in this time. */
  isContended: boolean;
  /** Whether it has one row, without figures: nobody waited, and one held it after the other. */
  isFolded: boolean;
}

const HEADER = 30;
/** Where the figures of a group are below its name. */
const NARROW_HEADER = 46;
const QUEUE = 26;
const ACTIONS = 20;
const ROW = { own: 20, packed: 15, folded: 22 };
/** The height of the name above a row in a narrow picture. */
const ABOVE = 14;
const THICKNESS = { own: 12, packed: 11 };
/** The number of characters of the fixed-width font that fit beside the rows. */
const LABEL_CHARACTERS = 33;

export interface Group {
  drawn: Drawn;
  height: number;
}

/** Draws one resource, from `top` downward. */
export function drawGroup(shownPast: Shown, frame: Frame, top: number): Group {
  if (shownPast.isFolded) return drawFolded(shownPast, frame, top);
  const { past, spans, actions } = shownPast;
  const { layout, ticks } = frame;
  const rows = rowsOf(past, spans, frame.range.to - frame.range.from);
  const parts: Drawn[] = [];
  const headerHeight = layout.isNarrow ? NARROW_HEADER : HEADER;
  const aboveHeight = layout.isNarrow ? ABOVE : 0;
  let y = top + headerHeight;
  const below = (height: number, draw: (bottom: number) => Drawn | Drawn[]) => {
    y += height;
    parts.push(...[draw(y)].flat());
  };
  if (past.kind === 'counter') below(QUEUE * 2 + aboveHeight, (bottom) => values(past, frame, bottom));
  else if (actions.length > 0 || past.kind === 'event')
    below(ACTIONS + aboveHeight, (bottom) => actionMarks(shownPast, frame, bottom - ACTIONS / 2));
  const waiting = waitingOver(past, frame.range);
  if (mostOf(waiting) > 0)
    below(QUEUE + aboveHeight, (bottom) => [
      label(layout, layout.isNarrow ? bottom - QUEUE + 2 : bottom - 5, 'waiting', `most ${mostOf(waiting)}`),
      drawQueue(waiting, frame.scale, bottom, QUEUE - 6),
    ]);
  if (rows.length > 0) y += 4;
  const isPacked = rows.some(({ processes }) => processes > 1);
  for (const row of rows) {
    const height = isPacked ? ROW.packed : ROW.own + aboveHeight;
    below(height, (bottom) => drawRow(row, shownPast, frame, bottom, isPacked));
  }
  const grid = ticks.map(({ x }) => line('grid', [x, top + headerHeight], [x, y + 4]));
  return { drawn: el('g', {}, header(past, frame, top), grid, parts), height: y + 12 - top };
}

/** Draws one resource as a row with its name. */
function drawFolded(shownPast: Shown, frame: Frame, top: number): Group {
  const { past, spans } = shownPast;
  const { layout, ticks } = frame;
  const height = ROW.folded + (layout.isNarrow ? ABOVE : 0);
  const bottom = top + height;
  const y = bottom - ROW.folded / 2;
  const kind = past.kind === 'lock' ? '' : kindOf(past);
  const room = layout.isNarrow ? layout.right - layout.left : layout.left - 2 * layout.margin;
  const name = cut(shown(past.name), Math.floor((room - kind.length * CHARACTER.small) / CHARACTER.name) - 1);
  return {
    height,
    drawn: el(
      'g',
      {},
      line('grid', [layout.margin, top], [layout.right, top]),
      ticks.map(({ x }) => line('grid', [x, bottom - ROW.folded], [x, bottom])),
      text('name', layout.margin, layout.isNarrow ? top + 14 : y + 5, name, kindMark(kind)),
      spans.map((span) => drawSpan(span, past, frame.scale, placeOf(shownPast, frame, y, THICKNESS.packed, false))),
    ),
  };
}

function kindMark(kind: string): Drawn | null {
  return kind === '' ? null : el('tspan', { class: 'muted small', dx: 8 }, kind);
}

function header(past: Past, { layout, range }: Frame, top: number): Drawn[] {
  const { margin, right, isNarrow } = layout;
  const width = right - margin;
  const kind = kindOf(past);
  const kindWidth = kind.length * CHARACTER.small + 16;
  const most = Math.floor((width * (isNarrow ? 1 : 0.5) - kindWidth) / CHARACTER.name);
  const name = cut(shown(past.name), most);
  const inRange = past.spans.filter((span) => (span.endedAt ?? past.readAt) >= range.from);
  const figuresText = inRange.length === 0 ? '' : summaryOf(figuresOf(inRange, past.readAt));
  const done =
    past.actions.length === 0 ? '' : counted(past.actions.length, past.kind === 'counter' ? 'change' : 'action');
  const summary = [figuresText, done].filter(Boolean).join('; ');
  const room = isNarrow ? width : width - widthOf(name) * CHARACTER.name - kindWidth - 16;
  const figures = cut(summary, Math.floor(room / CHARACTER.small));
  return [
    line('axis', [margin, top], [right, top]),
    text('name', margin, top + 20, name, kindMark(kind)),
    isNarrow ? text('muted small', margin, top + 37, figures) : text('muted small right', right, top + 20, figures),
  ];
}

function placeOf({ results }: Shown, { layout }: Frame, y: number, thickness: number, isNamed: boolean): RowPlace {
  return { y, thickness, isNamed, hatch: layout.hatch, results };
}

function drawRow(row: Row, shownPast: Shown, frame: Frame, bottom: number, isPacked: boolean): Drawn[] {
  const { past } = shownPast;
  const y = bottom - (isPacked ? ROW.packed : ROW.own) / 2;
  const place = placeOf(shownPast, frame, y, isPacked ? THICKNESS.packed : THICKNESS.own, row.processes > 1);
  const bars = row.spans.map((span) => drawSpan(span, past, frame.scale, place));
  const { isNarrow } = frame.layout;
  // Beside the rows of many there is no room in a narrow picture, and above each of them neither.
  if (isPacked && isNarrow) return bars;
  return [rowLabel(row, past, frame.layout, isNarrow ? bottom - ROW.own : y + 4), ...bars];
}

function rowLabel({ spans, processes }: Row, past: Past, { margin, isNarrow }: Layout, y: number): Drawn {
  const [first] = spans;
  if (processes > 1 || !first) return text('muted small', margin, y, `${processes} processes`);
  const hosts = new Set(past.spans.map(({ host }) => host));
  const who = hosts.size > 1 ? `${first.pid}@${shown(first.host)}` : String(first.pid);
  const isAlike = spans.every(({ label }) => label === first.label);
  const most = isNarrow ? LABEL_CHARACTERS + 18 : LABEL_CHARACTERS;
  const words = cut(`${who} ${isAlike ? shown(first.label) : `${spans.length} entries`}`, most);
  const whose = words.slice(0, who.length);
  return text('mono muted', margin, y, el('tspan', { class: 'ink' }, whose), words.slice(whose.length));
}

function label({ margin }: Layout, y: number, what: string, more: string): Drawn {
  return text('small muted', margin, y, what, el('tspan', { class: 'ink', dx: 6 }, more));
}

function values(past: Past, { layout, range, scale }: Frame, bottom: number): Drawn[] {
  const steps = valuesOver(past, range);
  const between = `${leastOf(steps)} and ${mostOf(steps)}`;
  const labels = layout.isNarrow
    ? [label(layout, bottom - 2 * QUEUE - 2, 'value', `${past.value}, between ${between}`)]
    : [label(layout, bottom - QUEUE, 'value', String(past.value)), label(layout, bottom - 6, 'between', between)];
  return [...labels, drawValues(steps, scale, bottom - 4, QUEUE * 2 - 12)];
}

/** The actions on a resource; for an event also the times when it was set. */
function actionMarks({ past, actions }: Shown, { layout, scale, range }: Frame, y: number): Drawn[] {
  const set =
    past.kind === 'event'
      ? setOver(past, range).map(([from, to]) => bar('band', scale(from), scale(to), y - 7, 14))
      : [];
  const marks = actions.map((action) =>
    el(
      'g',
      {},
      el('title', {}, [actionWords(action), outcomeWords(action), momentWords(action.at)].filter(Boolean).join('\n')),
      ACTION_MARKS[action.did](scale(action.at ?? range.from), y),
    ),
  );
  return [
    text(
      'small muted',
      layout.margin,
      layout.isNarrow ? y - ACTIONS / 2 : y + 4,
      past.kind === 'event' ? 'set (band) and actions' : 'actions',
    ),
    ...set,
    ...marks,
  ];
}

/** The periods in which an event was set. */
function setOver({ actions, value }: Past, { from, to }: Range): Array<readonly [number, number]> {
  const turns = actions.map(({ at, did }) => ({ at: at ?? from, isSet: did === 'set' }));
  const before = turns[0] ? !turns[0].isSet : value === 1;
  const states = [{ at: from, isSet: before }, ...turns, { at: to, isSet: false }];
  return states
    .slice(0, -1)
    .flatMap(({ at, isSet }, place) => (isSet ? [[at, states[place + 1]?.at ?? to] as const] : []));
}
