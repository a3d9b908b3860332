import { coloured, type Hue } from './colour.ts';

/** One of the results that a strip distinguishes. */
export type Mark = 'good' | 'bad' | 'unknown' | 'ended' | 'skipped' | 'running' | 'waiting';

const MARKS: Record<Mark, readonly [utf8: string, ascii: string, hue: Hue]> = {
  good: ['✓', '+', 'good'],
  bad: ['✗', 'x', 'bad'],
  unknown: ['?', '?', 'bad'],
  ended: ['~', '~', 'busy'],
  skipped: ['·', '.', 'quiet'],
  running: ['▸', '>', 'good'],
  waiting: ['…', ':', 'busy'],
};

/** A mark, and how often in a row. */
export type Marks = ReadonlyArray<readonly [mark: Mark, count: number]>;

/** Marks as a strip, the first at the left: `✓✓✗✓·12`. Only of skips does a number say how many there were. */
export function stripOf(marks: Marks, isUtf8 = hasUtf8()): string {
  return marks
    .map(([mark, count]) => {
      const [utf8, ascii] = MARKS[mark];
      return `${isUtf8 ? utf8 : ascii}${count > 1 ? count : ''}`;
    })
    .join('');
}

/** A strip's characters in their colours. */
export function colouredStrip(strip: string): string {
  return strip.replace(/[^\d-]/gu, (character) => {
    const mark = Object.values(MARKS).find(([utf8, ascii]) => utf8 === character || ascii === character);
    return mark ? coloured(mark[2], character) : character;
  });
}

/** Whether the locale's characters are UTF-8, as the C library reads the environment. */
export function hasUtf8({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv = process.env): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
