import { coloured, hasColours, hueOf } from './colour.ts';
import { shown } from './escape.ts';
import { colouredStrip } from './strip.ts';
import { cutInside, filled, widthOf } from './truncate.ts';

const GAP = 2;

/** One step by which a table becomes narrower: a column is cut down to a width, or (0) left out. */
type Step = readonly [heading: string, least: number];

/**
 * The columns that give way where a terminal is too narrow, in this order, until the table fits: first the long ones, then those that
 * a reader needs least. States and results never do. One long name must not cost all the others their columns, so names are cut, too.
 */
const STEPS: readonly Step[] = [
  ['COMMAND', 24],
  ['REASON', 32],
  ['END', 24],
  ['HOST', 8],
  ['RESOURCE', 32],
  ['NAME', 32],
  ['TYPICAL', 0],
  ['BY', 0],
  ['TOKEN', 0],
  ['COMMAND', 12],
  ['REASON', 16],
  ['END', 13],
  ['HOST', 0],
  ['KIND', 0],
  ['TOOK', 0],
  ['CODE', 0],
  ['AGE', 0],
  ['RESOURCE', 20],
  ['NAME', 20],
  ['WAITED', 0],
  ['NEXT DUE', 0],
  ['COMMAND', 0],
  ['REASON', 0],
  ['RUNS', 0],
  ['PID', 0],
  ['HELD', 0],
  ['EXPIRES', 0],
  ['SINCE', 0],
  ['LAST', 0],
];

/** The columns of names, which often differ at their ends: they are cut in the middle. */
const NAMES = ['RESOURCE', 'NAME'];

/** The columns whose words have a colour by their meaning. */
const COLOURED = ['STATE', 'RESULT', 'END'];

/**
 * Prints rows as aligned columns on stdout, each as wide as its widest cell. At a narrower terminal columns are cut or left out
 * so that they fit; at one with colours, states have theirs. Cells need not be `shown` before.
 */
export function printTable(rows: readonly string[][]): void {
  process.stdout.write(`${tableLines(rows).join('\n')}\n`);
}

/** The same table as lines, for a caller that puts other lines between them. The first row has the headings. */
export function tableLines(given: readonly string[][]): string[] {
  const rows = given.map((row) => row.map(shown));
  const headings = rows[0] ?? [];
  const widths = widthsOf(rows);
  const { isTTY, columns } = process.stdout;
  if (isTTY && columns > 0) narrow(rows, widths, columns);
  const paint = hasColours(process.stdout) ? painted : (_: string, text: string) => text;
  const kept = headings.flatMap((_, column) => (widths[column] === 0 ? [] : [column]));
  return rows.map((row, at) => {
    const cells = kept.map((column) => {
      const width = widths[column] ?? 0;
      const isName = NAMES.includes(headings[column] ?? '');
      const text = filled(isName ? cutInside(row[column] ?? '', width) : (row[column] ?? ''), width);
      return at === 0 ? text : paint(headings[column] ?? '', text, row[column] ?? '');
    });
    return cells.join(' '.repeat(GAP)).trimEnd();
  });
}

/** Colours a cell, but not the blanks behind its text. @param whole its text before it was cut */
function painted(heading: string, cell: string, whole: string): string {
  const text = cell.trimEnd();
  if (heading === 'RUNS') return colouredStrip(text) + cell.slice(text.length);
  const hue = COLOURED.includes(heading) ? hueOf(whole) : null;
  return hue === null ? cell : coloured(hue, text) + cell.slice(text.length);
}

function narrow(rows: ReadonlyArray<readonly string[]>, widths: number[], columns: number): void {
  const [headings = [], ...body] = rows;
  const natural = [...widths];
  const isEmpty = ([heading]: Step) => body.every((row) => row[headings.indexOf(heading)] === '-');
  // First of all goes what says nothing in any row.
  const empty = STEPS.filter((step) => step[1] === 0 && isEmpty(step));
  for (const [heading, least] of [...empty, ...STEPS]) {
    const excess = totalOf(widths) - columns;
    if (excess <= 0) break;
    const at = headings.indexOf(heading);
    const width = widths[at];
    if (width === undefined || width === 0) continue;
    widths[at] = least === 0 ? 0 : Math.max(Math.min(width, least), width - excess);
  }
  giveBack(headings, natural, widths, columns);
}

/** A column that was left out may have made more room than was needed: it goes to those that were cut. */
function giveBack(headings: readonly string[], natural: readonly number[], widths: number[], columns: number): void {
  for (const heading of ['REASON', 'COMMAND', 'END', ...NAMES, 'HOST']) {
    const at = headings.indexOf(heading);
    const width = widths[at];
    const room = columns - totalOf(widths);
    if (width !== undefined && width > 0 && room > 0) widths[at] = Math.min(natural[at] ?? 0, width + room);
  }
}

/** The width of a table; a column of no width is left out. */
function totalOf(widths: readonly number[]): number {
  const shown = widths.filter((width) => width > 0);
  return shown.reduce((total, width) => total + width + GAP, -GAP);
}

function widthsOf(rows: readonly string[][]): number[] {
  // Not `Math.max(...)`: a table may have more rows than a call takes arguments.
  return (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? '')), 0),
  );
}
