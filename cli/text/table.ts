import { shown } from './escape.ts';
import { filled, widthOf } from './truncate.ts';

const GAP = 2;
/** The only column that is cut where a terminal is too narrow, and the width below which it is not cut. */
const CUT = 'COMMAND';
const LEAST = 12;

/**
 * Prints rows as aligned columns on stdout, each as wide as its widest cell. At a narrower terminal the commands are cut
 * to fit. Cells need not be `shown` before.
 */
export function printTable(rows: readonly string[][]): void {
  process.stdout.write(`${tableLines(rows).join('\n')}\n`);
}

/** The same table as lines, for a caller that puts other lines between them. */
export function tableLines(given: readonly string[][]): string[] {
  const rows = given.map((row) => row.map(shown));
  const widths = widthsOf(rows);
  const { isTTY, columns } = process.stdout;
  const at = rows[0]?.indexOf(CUT) ?? -1;
  const width = widths[at];
  if (isTTY && width !== undefined) {
    const excess = Math.max(0, widths.reduce((total, one) => total + one + GAP, 0) - columns);
    widths[at] = Math.min(width, Math.max(LEAST, width - excess));
  }
  return rows.map((row) =>
    row
      .map((text, column) => filled(text, widths[column] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function widthsOf(rows: readonly string[][]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))));
}
