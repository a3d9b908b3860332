import { scaleLinear, scalePoint } from 'd3-scale';
import { line as path } from 'd3-shape';
import { type Drawn, el, line, px, text } from '../../cli/commands/timeline/drawing.ts';
import { figureText, tickText } from '../report.ts';
import type { Row } from '../section.ts';
import type { Place } from './panel.ts';

/** One line of the chart: the rows of one contestant, in groups. */
export interface Series {
  label: string;
  rows: readonly Row[];
  kind: 'ours' | 'kernel' | 'other';
}

const LEFT = 52;
const LABELS = 118;
const AXIS = 40;
const LABEL_HEIGHT = 48;

/** The median of each row over the groups, from zero. */
export function lines(place: Place, series: readonly Series[]): Drawn[] {
  const left = place.x + LEFT;
  const right = place.x + place.width - LABELS;
  const bottom = place.y + place.height - AXIS;
  const groups = [...new Set(series.flatMap(({ rows }) => rows.map(({ group = '' }) => group)))];
  const across = scalePoint()
    .domain(groups)
    .range([left + 12, right - 12]);
  const most = Math.max(...series.flatMap(({ rows }) => rows.map(({ median }) => median)));
  const up = scaleLinear()
    .domain([0, most])
    .nice(4)
    .range([bottom, place.y + 8]);
  const at = (row?: Row): [x: number, y: number] => [across(row?.group ?? '') ?? left, up(row?.median ?? 0)];
  return [
    ...up
      .ticks(4)
      .flatMap((tick) => [
        line('grid', [left, up(tick)], [right, up(tick)]),
        text('muted small right', left - 8, up(tick) + 4, tickText(tick, 'ms')),
      ]),
    line('axis', [left, bottom], [right, bottom]),
    ...groups.map((group) => text('muted small middle', across(group) ?? left, bottom + 16, numberOf(group))),
    text('muted small middle', (left + right) / 2, bottom + 34, 'processes'),
    ...series.map((one) => drawn(one, at)),
    ...labels(series, (one) => at(one.rows.at(-1))[1], { ...place, x: right + 2, y: bottom }),
  ];
}

function drawn({ rows, kind }: Series, at: (row: Row) => [x: number, y: number]): Drawn {
  const points = rows.map(at);
  return el(
    'g',
    {},
    el('path', { class: `line-${kind}`, d: path().digits(1)(points) ?? '' }),
    ...points.map(([x, y]) =>
      el('circle', { class: `mark-${kind}`, cx: px(x), cy: px(y), r: kind === 'ours' ? 4.5 : 3.5 }),
    ),
  );
}

/** At the end of each line, and moved up where they would cover each other. */
function labels(series: readonly Series[], heightOf: (one: Series) => number, corner: Place): Drawn[] {
  let lowest = corner.y;
  const upwards = series.toSorted((one, other) => heightOf(other) - heightOf(one));
  return upwards.map((one) => {
    const { label, kind, rows } = one;
    const last = rows.at(-1);
    const y = Math.min(heightOf(one), lowest);
    lowest = y - LABEL_HEIGHT;
    const passed = last?.more?.['handed over'];
    const value = last ? figureText({ value: last.median, unit: last.unit }) : '';
    return el(
      'g',
      {},
      text(`small${kind === 'ours' ? ' strong' : ''}`, corner.x, y - 9, label),
      text('small muted', corner.x, y + 5, value),
      text('small muted', corner.x, y + 19, passed ? `${tickText(passed.value, passed.unit)} passed on` : ''),
    );
  });
}

function numberOf(group: string): string {
  return group.split(' ')[0] ?? group;
}
