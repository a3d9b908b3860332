import { bar, type Drawn, el, text } from './drawing.ts';
import type { Shown } from './group.ts';
import { CHARACTER, type Layout } from './layout.ts';
import { ACTION_MARKS, MARKS } from './marks.ts';
import { CLASSES } from './results.ts';

interface Item {
  words: string;
  /** The width of the drawing before the words. */
  swatch: number;
  draw: (x: number, y: number, layout: Layout) => Drawn;
  /** Whether the picture has it. */
  isIn: (shown: Shown) => boolean;
}

const BAR = 26;
const MARK = 12;
const GAP = 22;
const LINE = 22;

/** A resource of which only actions are drawn. */
const hasSpans = ({ spans }: Shown) => spans.length > 0;
const isPlain = ({ spans, results }: Shown) => spans.some((span) => span.held && span.ask !== 0 && !results.has(span));

const ITEMS: Item[] = [
  {
    words: 'waited',
    swatch: BAR,
    draw: (x, y, { hatch }) => el('g', { fill: `url(#${hatch})` }, bar('wait', x, x + BAR, y - 3, 6)),
    isIn: hasSpans,
  },
  { words: 'held', swatch: BAR, draw: (x, y) => bar('hold', x, x + BAR, y - 6, 12), isIn: isPlain },
  {
    words: 'held, shared',
    swatch: BAR,
    draw: (x, y) => bar('shared', x, x + BAR, y - 4, 8),
    isIn: ({ spans }) => spans.some(({ ask }) => ask === 0),
  },
  result('ok', 'run that succeeded'),
  {
    words: 'run that failed or timed out',
    swatch: BAR + MARK,
    draw: (x, y) => el('g', {}, bar('failed', x, x + BAR, y - 6, 12), MARKS.failed(x + BAR, y)),
    isIn: hasResult('failed'),
  },
  result('ended', 'run that a signal or a newer one ended'),
  result('lost', 'run that was lost'),
  {
    words: 'still held, but its process is gone',
    swatch: BAR,
    draw: (x, y) => bar('hold gone', x, x + BAR, y - 6, 12),
    isIn: ({ spans }) => spans.some(({ stale, held }) => stale !== null && held),
  },
  mark('evicted', 'evicted', ({ spans }) => spans.some(({ end }) => end === 'evicted')),
  mark('stolen', 'stolen from', ({ spans }) => spans.some(({ end }) => end === 'stolen')),
  mark('gave up waiting', 'gave up waiting', ({ spans }) => spans.some(({ end }) => end === 'gave up waiting')),
  mark('open', 'goes on', ({ spans }) => spans.some(({ end }) => end === 'still waiting' || end === 'still holding')),
  {
    words: 'number of waiters',
    swatch: BAR,
    draw: (x, y) => el('path', { class: 'queue', d: `M${x} ${y + 6}V${y}h9v-6h8v9h9v3z` }),
    isIn: ({ isContended }) => isContended,
  },
  {
    words: 'an event was set',
    swatch: BAR,
    draw: (x, y) => bar('band', x, x + BAR, y - 7, 14),
    isIn: ({ past }) => past.kind === 'event',
  },
  ...(['set', 'clear', 'notify', 'abort', 'reset', 'sweep'] as const).map(
    (did): Item => ({
      words: did,
      swatch: MARK,
      draw: (x, y) => ACTION_MARKS[did](x + MARK / 2, y),
      isIn: ({ actions }) => actions.some((action) => action.did === did),
    }),
  ),
  {
    words: 'value of a counter',
    swatch: BAR,
    draw: (x, y) => el('path', { class: 'value', d: `M${x} ${y + 4}h9v-8h8v4h9` }),
    isIn: ({ past }) => past.kind === 'counter',
  },
];

function mark(name: keyof typeof MARKS, words: string, isIn: Item['isIn']): Item {
  return { words, swatch: MARK, draw: (x, y) => MARKS[name](x, y), isIn };
}

function result(name: string, words: string): Item {
  return { words, swatch: BAR, draw: (x, y) => bar(name, x, x + BAR, y - 6, 12), isIn: hasResult(name) };
}

function hasResult(name: string): Item['isIn'] {
  return ({ spans, results }) =>
    spans.some((span) => {
      const found = results.get(span);
      return found !== undefined && CLASSES[found] === name;
    });
}

/** Explains every form that is in the picture, in as many lines as that takes. */
export function drawLegend(groups: readonly Shown[], layout: Layout, top: number): { drawn: Drawn[]; height: number } {
  let [x, y] = [layout.margin, top + LINE / 2];
  const drawn = ITEMS.filter(({ isIn }) => groups.some(isIn)).flatMap(({ words, swatch, draw }) => {
    const width = swatch + 6 + words.length * CHARACTER.small;
    if (x > layout.margin && x + width > layout.right) [x, y] = [layout.margin, y + LINE];
    const item = [draw(x, y, layout), text('small', x + swatch + 6, y + 4, words)];
    x += width + GAP;
    return item;
  });
  return { drawn, height: y + LINE / 2 - top };
}
