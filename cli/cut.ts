import truncatedWidth from 'fast-string-truncated-width';

const ELLIPSIS = { ellipsis: '…', ellipsisWidth: 1 };

/** A text in at most so many columns of a terminal, whole characters only; what is missing shows as `…`. */
export function cut(text: string, columns: number): string {
  if (columns <= 0) return '';
  const { index, truncated, ellipsed } = truncatedWidth(text, { limit: columns, ...ELLIPSIS });
  return truncated ? `${text.slice(0, index)}${ellipsed ? '…' : ''}` : text;
}

export function widthOf(text: string): number {
  return truncatedWidth(text).width;
}

/** A text in exactly so many columns. */
export function filled(text: string, columns: number): string {
  const start = cut(text, columns);
  return start + ' '.repeat(Math.max(0, columns - widthOf(start)));
}
