import { createHash } from 'node:crypto';

/** A row has a thousand characters: so a document has 200 to 500 KB, and its length differs from the previous one. */
const LEAST_ROWS = 240;
const MORE_ROWS = 260;
const ROW = Array.from({ length: 99 }, (_, at) => `cell ${String(at).padStart(4, '0')} `).join('');

/** The contents of the JSON files: a number, enough data to need several writes, and a checksum that shows whether it is whole. */
export interface Document {
  count: number;
  rows: string[];
  sum: string;
}

export function documentOf(count: number): Document {
  const rows = Array.from({ length: LEAST_ROWS + ((count * 97) % MORE_ROWS) }, (_, at) => `${count}.${at} ${ROW}`);
  return { count, rows, sum: sumOf(count, rows) };
}

/** The flaw of a parsed document, or null. Truncated JSON may be valid JSON again, so parsing is not enough. */
export function flawOf(value: unknown): string | null {
  const { count, rows, sum } = (value ?? {}) as Partial<Document>;
  if (typeof count !== 'number' || !Array.isArray(rows)) return 'it has no count or no rows';
  return sum === sumOf(count, rows) ? null : `its sum is not that of count ${count} and ${rows.length} rows`;
}

/** The document in a file, or the flaw of the file. */
export function documentIn(text: string): Document | string {
  try {
    const value = JSON.parse(text) as Document;
    return flawOf(value) ?? value;
  } catch (error) {
    return `it is not JSON: ${(error as Error).message.slice(0, 80)} (${text.length} characters)`;
  }
}

function sumOf(count: number, rows: readonly string[]): string {
  return createHash('sha256')
    .update(`${count}\n${rows.join('\n')}`)
    .digest('hex');
}
