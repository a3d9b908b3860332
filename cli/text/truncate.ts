import fastStringWidth from 'fast-string-width';

const ASCII = /^[\x20-\x7e]*$/;
/** Built at its first use: building it takes 20 ms or more. */
let segmenter: Intl.Segmenter | undefined;

/** The number of terminal columns that a text takes. */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : fastStringWidth(text);
}

/** Cuts a text to at most `columns` columns, at a character's boundary. A text that was cut ends with `…`. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns < 1) return '';
  return `${ASCII.test(text) ? text.slice(0, columns - 1) : startOf(text, columns - 1)}…`;
}

/** Cuts a text to at most `columns` columns, in its middle: of what is left, two thirds are its beginning. */
export function cutInside(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const tail = endOf(text, Math.floor((columns - 1) / 3));
  return `${cut(text, columns - widthOf(tail))}${tail}`;
}

/** Cuts or pads a text to exactly `columns` columns. */
export function filled(text: string, columns: number): string {
  const start = cut(text, columns);
  return start + ' '.repeat(Math.max(0, columns - widthOf(start)));
}

/** As much of a text's end as fits into `columns`. */
function endOf(text: string, columns: number): string {
  segmenter ??= new Intl.Segmenter('en');
  let end = '';
  for (const { segment } of [...segmenter.segment(text)].reverse()) {
    if (widthOf(segment + end) > columns) break;
    end = segment + end;
  }
  return end;
}

/**
 * As much of a text as fits into `columns`. One character for a reader may be several code points: an accent,
 * a flag, a family. `fast-string-truncated-width` cuts inside a surrogate pair, and `cli-truncate` 5, the last one for
 * Node 20, returns one column too many for a wide character.
 */
function startOf(text: string, columns: number): string {
  segmenter ??= new Intl.Segmenter('en');
  let width = 0;
  for (const { segment, index } of segmenter.segment(text)) {
    width += widthOf(segment);
    if (width > columns) return text.slice(0, index);
  }
  return text;
}
