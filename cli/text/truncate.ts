import fastStringWidth from 'fast-string-width';

const ASCII = /^[\x20-\x7e]*$/;
/** Made when it is needed: that takes a while. */
let segmenter: Intl.Segmenter | undefined;

export function widthOf(text: string): number {
  return fastStringWidth(text);
}

/** A text in at most so many columns of a terminal, whole characters only; where something is missing it ends with `…`. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns < 1) return '';
  return `${ASCII.test(text) ? text.slice(0, columns - 1) : startOf(text, columns - 1)}…`;
}

/** A text in exactly so many columns. */
export function filled(text: string, columns: number): string {
  const start = cut(text, columns);
  return start + ' '.repeat(Math.max(0, columns - widthOf(start)));
}

/** As much of a text as fits. What a person takes for one character may be many: an accent, a flag, a family. */
function startOf(text: string, columns: number): string {
  segmenter ??= new Intl.Segmenter('en');
  let width = 0;
  for (const { segment, index } of segmenter.segment(text)) {
    width += widthOf(segment);
    if (width > columns) return text.slice(0, index);
  }
  return text;
}

/** A text that is at most so wide, cut if it must be. */
export function fitted(text: string, width: number): string {
  return fastStringWidth(text) <= width ? text : `${start(text, width - 1)}…`;
}

/** As much of a text as is at most so wide, whole characters only. */
function start(text: string, width: number): string {
  let kept = '';
  for (const character of text) {
    if (fastStringWidth(kept + character) > width) break;
    kept += character;
  }
  return kept;
}
