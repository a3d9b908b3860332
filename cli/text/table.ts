import cliui from 'cliui';
import fastStringWidth from 'fast-string-width';
import { shown } from './escape.ts';
import { fitted } from './truncate.ts';

const GAP = 2;
/** The column that may be cut at a terminal, and never to less than this. */
const CUT = 'COMMAND';
const LEAST = 12;

/**
 * Prints rows as aligned columns on stdout, as wide as they need. Only where a person looks at them, at a
 * terminal that is narrower, the commands are cut to fit. What others wrote need not be `shown` before.
 */
export function printTable(rows: readonly string[][]): void {
  process.stdout.write(`${tableLines(rows).join('\n')}\n`);
}

/** The same as lines, for those who put something between them. */
export function tableLines(given: readonly string[][]): string[] {
  const rows = given.map((row) => row.map(shown));
  const widths = widthsOf(rows);
  const { isTTY, columns } = process.stdout;
  const cut = rows[0]?.indexOf(CUT) ?? -1;
  if (isTTY && cut !== -1) {
    const excess = Math.max(0, sum(widths) - columns);
    widths[cut] = Math.min(widths[cut] as number, Math.max(LEAST, (widths[cut] as number) - excess));
  }
  const ui = cliui({ width: sum(widths), wrap: false });
  for (const row of rows) {
    ui.div(...row.map((text, column) => cell(text, widths[column] ?? 0)));
  }
  const lines = ui.toString().split('\n');
  return lines.map((line) => line.trimEnd());
}

function widthsOf(rows: readonly string[][]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => fastStringWidth(row[column] ?? ''))));
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width + GAP, 0);
}

function cell(text: string, width: number): { text: string; width: number } {
  return { text: fitted(text, width), width: width + GAP };
}
