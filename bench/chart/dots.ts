import { scaleLinear, scaleLog } from 'd3-scale';
import { type Drawn, el, line, px, text } from '../../cli/commands/timeline/drawing.ts';
import { figureText, tickText } from '../report.ts';
import type { Row } from '../section.ts';
import type { Place } from './panel.ts';

/** A row of the chart: a measured row, in words for a reader who has not seen the benchmark. */
export interface Dot {
  label: string;
  row: Row;
  isOurs: boolean;
}

const LABELS = 178;
const VALUES = 76;
const AXIS = 22;

/** A dot for each row at its median, with its value. `log`: where the values are a hundred times as long as each other. */
export function dots(place: Place, rows: readonly Dot[], log: boolean): Drawn[] {
  const left = place.x + LABELS;
  const right = place.x + place.width - VALUES;
  const bottom = place.y + place.height - AXIS;
  const most = Math.max(...rows.map(({ row }) => row.median));
  const least = Math.min(...rows.map(({ row }) => row.median));
  const scale = log
    ? scaleLog()
        .domain([10 ** Math.floor(Math.log10(least)), most])
        .range([left, right])
    : scaleLinear().domain([0, most]).range([left, right]);
  const ticks = log
    ? scale.ticks().filter((tick) => Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6))
    : scale.ticks(3);
  const unit = rows[0]?.row.unit ?? 'ms';
  const step = (bottom - place.y) / rows.length;
  return [
    ...ticks.flatMap((tick) => [
      line('grid', [scale(tick), place.y], [scale(tick), bottom]),
      text('muted small middle', scale(tick), bottom + 15, tickText(tick, unit)),
    ]),
    ...rows.flatMap(({ label, row, isOurs }, at) => {
      const y = place.y + step * (at + 0.5);
      const kind = isOurs ? 'ours' : 'peer';
      const strong = isOurs ? ' strong' : '';
      return [
        text(`right${strong}`, left - 10, y + 4, label),
        line(`stem-${kind}`, [left, y], [scale(row.median), y]),
        el('circle', { class: kind, cx: px(scale(row.median)), cy: px(y), r: isOurs ? 5.5 : 4.5 }),
        text(`value small${strong}`, scale(row.median) + 10, y + 4, figureText({ value: row.median, unit: row.unit })),
      ];
    }),
  ];
}
