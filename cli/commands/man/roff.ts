import { wrapped } from '../../text/wrapped.ts';
import type { Block } from './block.ts';
import type { Page } from './page.ts';

/** Small, because escapes make a line longer. */
const WIDTH = 60;

/** Renders the page for `man`. */
export function roffOf({ version, blocks }: Page, date: Date): string {
  const day = date.toISOString().slice(0, 10);
  const title = `.TH LOCKSTEP 1 "${day}" ${quoted(`Lockstep ${version}`)} ${quoted('User Commands')}`;
  const lines = blocks.flatMap((block, at) => linesOf(block, blocks[at - 1], blocks[at + 1]));
  return `${[title, ...lines].join('\n')}\n`;
}

function linesOf(block: Block, before: Block | undefined, after: Block | undefined): string[] {
  // A section begins a paragraph by itself.
  const paragraph = before?.is === 'section' || before?.is === 'subsection' ? [] : ['.PP'];
  switch (block.is) {
    case 'section':
      return [`.SH ${quoted(block.text)}`];
    case 'subsection':
      return [`.SS ${quoted(block.text)}`];
    case 'paragraph':
      return [...paragraph, ...prose(block.text)];
    case 'code': {
      const begin = before?.is === 'code' ? [] : [...paragraph, '.RS 4', '.nf'];
      const end = after?.is === 'code' ? [] : ['.fi', '.RE'];
      return [...begin, guarded(escaped(block.text)), ...end];
    }
    case 'entry':
      return ['.TP', `\\fB${escaped(block.term)}\\fR`, ...prose(block.text)];
  }
}

/** Text that roff fills. */
function prose(text: string): string[] {
  return wrapped(text, WIDTH).map((line) => guarded(escaped(line)));
}

/** Protects a dot or an apostrophe at the start of a line, which would make it a request. */
function guarded(line: string): string {
  return line.replace(/^(?=[.'])/, '\\&');
}

/** Escapes a line, so that roff finds no escape in it and keeps dashes and quotes ASCII. */
function escaped(text: string): string {
  return text.replace(/[\\\-'`^~"]|[^ -~]/gu, (character) => SPECIAL[character] ?? unicode(character));
}

const SPECIAL: Record<string, string> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
};

function unicode(character: string): string {
  return `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;
}

function quoted(text: string): string {
  return `"${escaped(text)}"`;
}
