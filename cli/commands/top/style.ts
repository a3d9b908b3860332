import { styleText } from 'node:util';
import type { FrameLine } from './frame.ts';
import type { Tone } from './tone.ts';

/** Converts lines to text for a terminal. */
export type Paint = (lines: readonly FrameLine[]) => string[];

const STYLES: Record<Tone, Parameters<typeof styleText>[0]> = {
  selected: 'inverse',
  head: 'inverse',
  headings: 'dim',
  resource: 'bold',
  waiting: 'yellow',
  alert: 'red',
  foot: 'dim',
  question: 'bold',
  plain: 'reset',
};

export function painted(lines: readonly FrameLine[]): string[] {
  return lines.map(({ text, tone }) => (tone === 'plain' || text === '' ? text : styleText(STYLES[tone], text)));
}

export function plain(lines: readonly FrameLine[]): string[] {
  return lines.map(({ text }) => text);
}
