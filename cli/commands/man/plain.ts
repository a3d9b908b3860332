import { wrapped } from '../../text/wrapped.ts';
import type { Block } from './block.ts';
import type { Page } from './page.ts';

const WIDTH = 78;

/** Renders the page for a terminal without `man`. */
export function plainOf({ version, blocks }: Page): string {
  return `${[`LOCKSTEP(1)  Lockstep ${version}`, ...blocks.flatMap(linesOf)].join('\n')}\n`;
}

function linesOf(block: Block): string[] {
  switch (block.is) {
    case 'section':
      return ['', block.text];
    case 'subsection':
      return ['', `  ${block.text}`];
    case 'paragraph':
      return ['', ...indented(block.text, 4)];
    case 'code':
      return [`        ${block.text}`];
    case 'entry':
      return ['', `    ${block.term}`, ...indented(block.text, 8)];
  }
}

function indented(text: string, columns: number): string[] {
  return wrapped(text, WIDTH - columns).map((line) => `${' '.repeat(columns)}${line}`);
}
