import cliui from 'cliui';
import fastStringWidth from 'fast-string-width';

const GAP = 2;

/** Prints rows as aligned columns, as wide as they need, on stdout. */
export function printTable(rows: readonly string[][]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => fastStringWidth(row[column] ?? ''))));
  const total = widths.reduce((sum, width) => sum + width + GAP, 0);
  const ui = cliui({ width: total, wrap: false });
  for (const row of rows) {
    ui.div(...row.map((text, column) => ({ text, width: (widths[column] ?? 0) + GAP })));
  }
  const lines = ui.toString().split('\n');
  process.stdout.write(`${lines.map((line) => line.trimEnd()).join('\n')}\n`);
}
