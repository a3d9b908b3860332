import type { Past } from '../../../lib/history/index.ts';
import { lastOf } from '../../../lib/internal.ts';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { type Drawn, el, line, text } from './drawing.ts';
import { drawGroup, type Frame, type Shown } from './group.ts';
import { drawLegend } from './legend.ts';
import { STYLE } from './palette.ts';
import { type Range, rangeWords, scaleOf, ticksOf } from './range.ts';

export const WIDTH = 1080;
export const LEFT = 262;
export const RIGHT = WIDTH - 30;
const TICKS = 6;
const TOP = 128;
/** A taller picture has the times below it as well. */
const TALL = 600;
/** The largest number of entries, and of actions, that is drawn. More could not be distinguished, and slow browsers down. */
export const MOST_DRAWN = 2_000;

/** Draws the whole picture. `range` is the time that it shows. */
export function drawChart(pasts: readonly Past[], range: Range, store: string): Drawn {
  const { shown: groups, omitted } = drawable(pasts, range);
  const scale = scaleOf(range, LEFT, RIGHT);
  const frame: Frame = { left: LEFT, right: RIGHT, range, scale, ticks: ticksOf(scale, TICKS) };
  let y = TOP;
  const drawn = groups.map((group) => {
    const { drawn: part, height } = drawGroup(group, frame, y);
    y += height;
    return part;
  });
  const below = y - TOP > TALL ? [axis(frame, y + 6)] : [];
  const height = y + (below.length > 0 ? 34 : 14);
  const title = 'Holders and waiters over time';
  return el(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'chart',
      viewBox: `0 0 ${WIDTH} ${Math.ceil(height)}`,
      width: WIDTH,
      height: Math.ceil(height),
      role: 'img',
      'aria-label': `${title}: the store ${shown(store)}, ${rangeWords(range)}`,
    },
    el('style', {}, STYLE),
    el('defs', {}, hatch()),
    el('rect', { class: 'paper', width: '100%', height: '100%' }),
    text('title', 18, 34, title),
    text('muted', 18, 56, `Store ${shown(store)}, ${rangeWords(range)}${omitted === '' ? '' : `; ${omitted}`}`),
    drawLegend(
      groups.flatMap(({ spans }) => spans),
      18,
      84,
    ),
    axis(frame, TOP - 22),
    drawn,
    below,
  );
}

function hatch(): Drawn {
  const attributes = {
    id: 'hatch',
    width: 5,
    height: 5,
    patternUnits: 'userSpaceOnUse',
    patternTransform: 'rotate(45)',
  };
  return el('pattern', attributes, line('hatch', [1, 0], [1, 5]));
}

function axis({ ticks }: Frame, y: number): Drawn[] {
  return ticks.map((tick) => text('muted small middle', tick.x, y + 14, tick.text));
}

/** The newest entries and actions in the range, up to the limit; and the number omitted, in words. */
function drawable(pasts: readonly Past[], { from }: Range): { shown: Shown[]; omitted: string } {
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
  return {
    shown: pasts
      .map((past) => ({
        past,
        spans: past.spans.filter((span) => drawnSpans.has(span)),
        actions: past.actions.filter((action) => drawnActions.has(action)),
      }))
      .filter((one) => one.spans.length + one.actions.length > 0),
    omitted: omitted.map(([count, one, more]) => `${counted(count, one, more)} left out`).join(', '),
  };
}

function newest<T extends { at: number }>(events: readonly T[]): T[] {
  return events.toSorted((one, other) => other.at - one.at).slice(0, MOST_DRAWN);
}
