import type { Figure, Row, Section, Target, Unit } from './section.ts';
import { count, duration, table, times } from './table.ts';

/** A section as it is printed. */
export function sectionText({ title, base, rows, absent, notes, targets }: Section): string {
  const lines = [...absent.map((peer) => `Absent: ${peer}`), ...notes, ...targets.map(targetText)];
  return `${title}\n${rows.length > 0 ? table(cellsOf(rows, base)) : ''}${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** One column for each figure that any row has. */
function cellsOf(rows: readonly Row[], base: string | undefined): string[][] {
  const more = new Set(rows.flatMap((row) => Object.keys(row.more ?? {})));
  const columns: Array<[heading: string, (row: Row) => Figure | undefined]> = [
    ['median', ({ median, unit }) => ({ value: median, unit })],
    [`to ${base}`, ({ ratio }) => figure(ratio, 'times')],
    ['mean', ({ mean, unit }) => figure(mean, unit)],
    ['p99', ({ p99, unit }) => figure(p99, unit)],
    ...[...more].map((heading): [string, (row: Row) => Figure | undefined] => [heading, (row) => row.more?.[heading]]),
  ];
  const used = columns.filter(([, of]) => rows.some((row) => of(row)));
  const cells = [['', ...used.map(([heading]) => heading)]];
  let group: string | undefined;
  for (const row of rows) {
    if (row.group !== undefined && row.group !== group) cells.push([row.group]);
    group = row.group;
    const name = group === undefined ? row.name : `  ${row.name}`;
    cells.push([name, ...used.map(([, of]) => figureText(of(row)))]);
  }
  return cells;
}

function figure(value: number | undefined, unit: Figure['unit']): Figure | undefined {
  return value === undefined ? undefined : { value, unit };
}

/** A figure in words; nothing for one that was not measured. */
export function figureText(given: Figure | undefined): string {
  if (!given) return '';
  const { value, unit } = given;
  switch (unit) {
    case 'ms':
      return duration(value);
    case 'times':
      return times(value);
    case 'share':
      return `${(value * 100).toFixed(1)} %`;
    case 'per second':
      return `${count(value)}/s`;
    case 'kB':
      return `${count(value)} kB`;
    case 'count':
      return count(value);
  }
}

/** A round number of a scale, without the digits after its point. */
export function tickText(value: number, unit: Unit): string {
  return value === 0 ? '0' : figureText({ value, unit }).replace(/\.0+(?= )/, '');
}

/** A target with its verdict, in one line. */
export function targetText(target: Target): string {
  const { text, bound, limit, unit } = target;
  return `Target: ${text}, ${bound} ${figureText({ value: limit, unit })}: ${verdict(target)}`;
}

function verdict({ measured, limit, unit, met }: Target): string {
  if (measured === null) return 'not measured here';
  const value = figureText({ value: measured, unit });
  if (met) return `met (${value})`;
  return `NOT MET (${value}, ${Math.abs((measured / limit - 1) * 100).toFixed(0)} % ${measured > limit ? 'above' : 'below'})`;
}

/** All targets, those that are not met first. */
export function summaryText(sections: readonly Section[]): string {
  const all = sections.flatMap(({ name, targets }) => targets.map((target) => ({ name, target })));
  const [missed, unknown, met] = [false, null, true].map((state) => all.filter(({ target }) => target.met === state));
  const list = [...(missed ?? []), ...(unknown ?? []), ...(met ?? [])];
  const head = `Targets: ${met?.length} met, ${missed?.length} not met, ${unknown?.length} not measured`;
  return `${head}\n${list.map(({ name, target }) => `  ${name}: ${targetText(target).slice('Target: '.length)}\n`).join('')}`;
}
