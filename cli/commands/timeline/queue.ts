import { scaleLinear } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import type { Past } from '../../../lib/history/index.ts';
import { isOver, lastOf } from '../../../lib/internal.ts';
import type { Scale } from './bars.ts';
import { type Drawn, el, px } from './drawing.ts';
import type { Range } from './range.ts';

/** A count over time, from each moment to the next. */
export type Steps = ReadonlyArray<readonly [at: number, count: number]>;

/** The number of waiters at each moment of the range. */
export function waitingOver({ spans, readAt }: Past, range: Range): Steps {
  const changes = spans.flatMap((span) => {
    const end = span.held ? (span.grantedAt ?? span.enteredAt) : lastOf(span, readAt);
    if (end <= span.enteredAt) return [];
    const goesOn = !span.held && !isOver(span);
    return [[span.enteredAt, 1] as const, ...(goesOn ? [] : [[end, -1] as const])];
  });
  return within(summed(changes), range);
}

/** The values of a counter. */
export function valuesOver({ actions, value }: Past, range: Range): Steps {
  const first = actions[0];
  const before = first ? first.outcome - (first.number ?? 0) : value;
  const steps = actions.map(({ at, outcome }) => [at ?? range.from, outcome] as const);
  return within([[Number.NEGATIVE_INFINITY, before], ...steps], range);
}

function summed(changes: Array<readonly [number, number]>): Steps {
  let count = 0;
  // At one moment departures come first: a waiter does not count beside the one that it replaces.
  return changes
    .sort(([a, less], [b, more]) => a - b || less - more)
    .map(([at, by]) => {
      count += by;
      return [at, count] as const;
    });
}

/** The steps from one end of the range to the other. */
function within(steps: Steps, { from, to }: Range): Steps {
  const inside = steps.filter(([at]) => at > from && at <= to);
  const before = steps.findLast(([at]) => at <= from)?.[1] ?? 0;
  return [[from, before], ...inside, [to, inside.at(-1)?.[1] ?? before]];
}

export function mostOf(steps: Steps): number {
  return steps.reduce((most, [, count]) => Math.max(most, count), 0);
}

export function leastOf(steps: Steps): number {
  return steps.reduce((least, [, count]) => Math.min(least, count), 0);
}

/** A filled curve above the line `y`, `height` high at its largest count. */
export function drawQueue(steps: Steps, scale: Scale, y: number, height: number): Drawn {
  const up = scaleLinear([0, mostOf(steps)], [y, y - height]);
  const shape = area<readonly [number, number]>(
    ([at]) => px(scale(at)),
    y,
    ([, count]) => px(up(count)),
  ).curve(curveStepAfter);
  return el('path', { class: 'queue', d: shape([...steps]) ?? '' });
}

export function drawValues(steps: Steps, scale: Scale, y: number, height: number): Drawn {
  const up = scaleLinear([leastOf(steps), mostOf(steps)], [y, y - height]);
  const shape = line<readonly [number, number]>(
    ([at]) => px(scale(at)),
    ([, count]) => px(up(count)),
  ).curve(curveStepAfter);
  return el('path', { class: 'value', d: shape([...steps]) ?? '' });
}
