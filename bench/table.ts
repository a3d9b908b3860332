/** Rows of text as aligned columns: the first to the left, the others to the right. The first row is the heading. */
export function table(rows: ReadonlyArray<readonly string[]>): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  const lines = rows.map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines.map((line) => `  ${line.trimEnd()}\n`).join('');
}

export function ratio(value: number, to: number): string {
  const times = value / to;
  return times < 10 ? `${times.toFixed(2)}×` : `${times.toFixed(0)}×`;
}

/** A duration given in ms. */
export function duration(ms: number): string {
  return ms < 1 ? `${(ms * 1000).toFixed(1)} µs` : `${ms.toFixed(2)} ms`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
