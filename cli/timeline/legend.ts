import type { Span } from '../../lib/span.ts';
import { bar, type Drawn, el, text } from './drawing.ts';
import { MARKS } from './marks.ts';

interface Item {
  words: string;
  width: number;
  draw: (x: number, y: number) => Drawn | Drawn[];
  isMeant: (span: Span) => boolean;
}

const SWATCH = 26;

const ITEMS: Item[] = [
  {
    words: 'waited',
    width: 80,
    draw: (x, y) => el('g', { fill: 'url(#hatch)' }, bar('wait', x, x + SWATCH, y - 3, 6)),
    isMeant: () => true,
  },
  { words: 'held', width: 68, draw: (x, y) => bar('hold', x, x + SWATCH, y - 6, 12), isMeant: () => true },
  {
    words: 'held, shared',
    width: 112,
    draw: (x, y) => bar('shared', x, x + SWATCH, y - 4, 8),
    isMeant: ({ ask }) => ask === 0,
  },
  {
    words: 'still held, but its process is gone',
    width: 228,
    draw: (x, y) => el('g', { class: 'gone' }, bar('hold', x, x + SWATCH, y - 6, 12)),
    isMeant: ({ stale, held }) => stale !== null && held,
  },
  mark('evicted', 'evicted', 72, ({ end }) => end === 'evicted'),
  mark('stolen', 'stolen from', 92, ({ end }) => end === 'stolen'),
  mark('gave up waiting', 'gave up waiting', 116, ({ end }) => end === 'gave up waiting'),
  mark('open', 'goes on', 72, ({ end }) => end === 'still waiting' || end === 'still holding'),
];

function mark(name: keyof typeof MARKS, words: string, width: number, isMeant: Item['isMeant']): Item {
  return { words, width, draw: (x, y) => MARKS[name](x + SWATCH - 8, y), isMeant };
}

/** What the forms mean: of those in the picture. */
export function drawLegend(spans: readonly Span[], left: number, y: number): Drawn[] {
  let x = left;
  return ITEMS.filter(({ isMeant }) => spans.some(isMeant)).flatMap(({ words, width, draw }) => {
    const drawn = [draw(x, y), text('small', x + SWATCH + 6, y + 4, words)].flat();
    x += width + SWATCH - 8;
    return drawn;
  });
}
