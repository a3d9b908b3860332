import { createHash } from 'node:crypto';

/** Each of a thousand characters: so a document has 200 to 500 KB, and each is of another length than the one before. */
const LEAST_ROWS = 240;
const MORE_ROWS = 260;
const ROW = Array.from({ length: 99 }, (_, at) => `cell ${String(at).padStart(4, '0')} `).join('');

/** What is in the JSON files: a number, and so much else that it is not written at once. It says itself whether it is whole. */
export interface Document {
  count: number;
  rows: string[];
  sum: string;
}

export function documentOf(count: number): Document {
  const rows = Array.from({ length: LEAST_ROWS + ((count * 97) % MORE_ROWS) }, (_, at) => `${count}.${at} ${ROW}`);
  return { count, rows, sum: sumOf(count, rows) };
}

/** What is wrong with a document that was parsed, or null. JSON that is cut may be JSON again, so this is a second look. */
export function flawOf(value: unknown): string | null {
  const { count, rows, sum } = (value ?? {}) as Partial<Document>;
  if (typeof count !== 'number' || !Array.isArray(rows)) return 'it has no count or no rows';
  return sum === sumOf(count, rows) ? null : `its sum is not that of count ${count} and ${rows.length} rows`;
}

/** The document in a file, or what is wrong with the file. */
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
