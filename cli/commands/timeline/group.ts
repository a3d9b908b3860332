import type { Past, PastAction, Span } from '../../../lib/history/index.ts';
import { kindOf } from '../../report/line-words.ts';
import { actionWords, momentWords, outcomeWords } from '../../report/span-words.ts';
import { figuresOf, summaryOf } from '../../report/statistics.ts';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { cut } from '../../text/truncate.ts';
import { drawSpan, type Scale } from './bars.ts';
import { bar, type Drawn, el, line, text } from './drawing.ts';
import { ACTION_MARKS } from './marks.ts';
import { drawQueue, drawValues, leastOf, mostOf, valuesOver, waitingOver } from './queue.ts';
import type { Range, Tick } from './range.ts';
import { type Row, rowsOf } from './rows.ts';

/** The area of all groups: its left and right edge, and the time it shows. */
export interface Frame {
  left: number;
  right: number;
  range: Range;
  scale: Scale;
  ticks: readonly Tick[];
}

/** A resource, and the part of its past that is drawn. */
export interface Shown {
  past: Past;
  spans: Span[];
  actions: PastAction[];
}

const MARGIN = 18;
const HEADER = 30;
const QUEUE = 26;
const ACTIONS = 20;
const ROW = { own: 20, packed: 15 };
const THICKNESS = { own: 12, packed: 11 };
/** The number of characters of the fixed-width font that fit beside the rows. */
const LABEL_CHARACTERS = 33;

export interface Group {
  drawn: Drawn;
  height: number;
}

/** Draws one resource, from `top` downward. */
export function drawGroup(shownPast: Shown, frame: Frame, top: number): Group {
  const { past, spans, actions } = shownPast;
  const rows = rowsOf(past, spans, frame.range.to - frame.range.from);
  const parts: Drawn[] = [];
  let y = top + HEADER;
  const below = (height: number, draw: (bottom: number) => Drawn | Drawn[]) => {
    y += height;
    parts.push(...[draw(y)].flat());
  };
  if (past.kind === 'counter') below(QUEUE * 2, (bottom) => values(past, frame, bottom));
  else if (actions.length > 0 || past.kind === 'event')
    below(ACTIONS, (bottom) => actionMarks(shownPast, frame, bottom - ACTIONS / 2));
  const waiting = waitingOver(past, frame.range);
  if (mostOf(waiting) > 0)
    below(QUEUE, (bottom) => [
      label(MARGIN, bottom - 5, 'waiting', `most ${mostOf(waiting)}`),
      drawQueue(waiting, frame.scale, bottom, QUEUE - 6),
    ]);
  if (rows.length > 0) y += 4;
  const isPacked = rows.some(({ processes }) => processes > 1);
  for (const row of rows) {
    below(isPacked ? ROW.packed : ROW.own, (bottom) => drawRow(row, past, frame, bottom, isPacked));
  }
  const grid = frame.ticks.map(({ x }) => line('grid', [x, top + HEADER], [x, y + 4]));
  return { drawn: el('g', {}, header(past, frame, top), grid, parts), height: y + 12 - top };
}

function header(past: Past, { left, right, range }: Frame, top: number): Drawn[] {
  const name = cut(shown(past.name), 60);
  const inRange = past.spans.filter((span) => (span.endedAt ?? past.readAt) >= range.from);
  const summary =
    past.kind === 'counter' ? counted(past.actions.length, 'change') : summaryOf(figuresOf(inRange, past.readAt));
  return [
    line('axis', [MARGIN, top], [right, top]),
    text('name', MARGIN, top + 20, name, el('tspan', { class: 'muted small', dx: 8 }, kindOf(past))),
    text('muted small right', right, top + 20, name.length > 40 && left > 0 ? cut(summary, 60) : summary),
  ];
}

function drawRow(row: Row, past: Past, frame: Frame, bottom: number, isPacked: boolean): Drawn[] {
  const height = isPacked ? ROW.packed : ROW.own;
  const place = {
    y: bottom - height / 2,
    thickness: isPacked ? THICKNESS.packed : THICKNESS.own,
    isNamed: row.processes > 1,
  };
  const bars = row.spans.map((span) => drawSpan(span, past, frame.scale, place));
  return [rowLabel(row, past, place.y + 4), ...bars];
}

function rowLabel({ spans, processes }: Row, past: Past, y: number): Drawn {
  const [first] = spans;
  if (processes > 1 || !first) return text('muted small', MARGIN, y, `${processes} processes`);
  const hosts = new Set(past.spans.map(({ host }) => host));
  const who = hosts.size > 1 ? `${first.pid}@${shown(first.host)}` : String(first.pid);
  const isAlike = spans.every(({ label }) => label === first.label);
  const words = cut(`${who} ${isAlike ? shown(first.label) : `${spans.length} entries`}`, LABEL_CHARACTERS);
  const whose = words.slice(0, who.length);
  return text('mono muted', MARGIN, y, el('tspan', { class: 'ink' }, whose), words.slice(whose.length));
}

function label(x: number, y: number, what: string, more: string): Drawn {
  return text('small muted', x, y, what, el('tspan', { class: 'ink', dx: 6 }, more));
}

function values(past: Past, frame: Frame, bottom: number): Drawn[] {
  const steps = valuesOver(past, frame.range);
  return [
    label(MARGIN, bottom - QUEUE, 'value', String(past.value)),
    label(MARGIN, bottom - 6, 'between', `${leastOf(steps)} and ${mostOf(steps)}`),
    drawValues(steps, frame.scale, bottom - 4, QUEUE * 2 - 12),
  ];
}

/** The actions on a resource; for an event also the times when it was set. */
function actionMarks({ past, actions }: Shown, { scale, range }: Frame, y: number): Drawn[] {
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
    text('small muted', MARGIN, y + 4, past.kind === 'event' ? 'set (band) and actions' : 'actions'),
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
