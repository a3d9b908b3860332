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

/** A ratio that is given as such. */
export function times(value: number): string {
  return value < 10 ? `${value.toFixed(2)}×` : `${value.toFixed(0)}×`;
}

/** A duration given in ms. */
export function duration(ms: number): string {
  if (ms < 1) return `${digits(ms * 1000)} µs`;
  return ms < 10_000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Three digits, or what is before the point. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value < 10 ? 2 : 1);
}
