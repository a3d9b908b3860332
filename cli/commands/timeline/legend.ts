import type { Span } from '../../../lib/history/index.ts';
import { bar, type Drawn, el, text } from './drawing.ts';
import { MARKS } from './marks.ts';

interface Item {
  words: string;
  /** The width of the drawing before the words. */
  swatch: number;
  draw: (x: number, y: number) => Drawn;
  isMeant: (span: Span) => boolean;
}

const BAR = 26;
const MARK = 12;
/** Average width in the small font: text cannot be measured here. */
const CHARACTER = 6.3;
const GAP = 26;

const ITEMS: Item[] = [
  {
    words: 'waited',
    swatch: BAR,
    draw: (x, y) => el('g', { fill: 'url(#hatch)' }, bar('wait', x, x + BAR, y - 3, 6)),
    isMeant: () => true,
  },
  { words: 'held', swatch: BAR, draw: (x, y) => bar('hold', x, x + BAR, y - 6, 12), isMeant: () => true },
  {
    words: 'held, shared',
    swatch: BAR,
    draw: (x, y) => bar('shared', x, x + BAR, y - 4, 8),
    isMeant: ({ ask }) => ask === 0,
  },
  {
    words: 'still held, but its process is gone',
    swatch: BAR,
    draw: (x, y) => bar('hold gone', x, x + BAR, y - 6, 12),
    isMeant: ({ stale, held }) => stale !== null && held,
  },
  mark('evicted', 'evicted', ({ end }) => end === 'evicted'),
  mark('stolen', 'stolen from', ({ end }) => end === 'stolen'),
  mark('gave up waiting', 'gave up waiting', ({ end }) => end === 'gave up waiting'),
  mark('open', 'goes on', ({ end }) => end === 'still waiting' || end === 'still holding'),
];

function mark(name: keyof typeof MARKS, words: string, isMeant: Item['isMeant']): Item {
  return { words, swatch: MARK, draw: (x, y) => MARKS[name](x, y), isMeant };
}

/** Explains the forms that are in the picture. */
export function drawLegend(spans: readonly Span[], left: number, y: number): Drawn[] {
  let x = left;
  return ITEMS.filter(({ isMeant }) => spans.some(isMeant)).flatMap(({ words, swatch, draw }) => {
    const drawn = [draw(x, y), text('small', x + swatch + 6, y + 4, words)];
    x += swatch + 6 + words.length * CHARACTER + GAP;
    return drawn;
  });
}
