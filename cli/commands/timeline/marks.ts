import { type SymbolType, symbol, symbolCircle, symbolDiamond, symbolTimes, symbolTriangle } from 'd3-shape';
import type { Action } from '../../../lib/internal.ts';
import { type Drawn, el, px } from './drawing.ts';

const draw = symbol();

function mark(className: string, type: SymbolType, size: number, x: number, y: number, turn = 0): Drawn {
  const turned = turn === 0 ? '' : ` rotate(${turn})`;
  return el('path', {
    class: className,
    d: draw.type(type).size(size)() ?? '',
    transform: `translate(${px(x)} ${px(y)})${turned}`,
  });
}

/** The end of an entry, as a form and a colour. */
export const MARKS = {
  evicted: (x: number, y: number) => mark('evicted', symbolTimes, 46, x + 6, y),
  stolen: (x: number, y: number) => mark('stolen', symbolDiamond, 62, x + 5, y),
  failed: (x: number, y: number) => mark('failed', symbolTriangle, 40, x + 6, y, 180),
  'gave up waiting': (x: number, y: number) => mark('gaveup', symbolCircle, 34, x, y),
  open: (x: number, y: number) => mark('open', symbolTriangle, 34, x + 5, y, 90),
};

/** The actions on a resource from outside its line. */
export const ACTION_MARKS: Record<Action['do'], (x: number, y: number) => Drawn> = {
  set: (x, y) => mark('action', symbolTriangle, 42, x, y),
  clear: (x, y) => mark('action hollow', symbolTriangle, 42, x, y, 180),
  notify: (x, y) => mark('action', symbolCircle, 36, x, y),
  abort: (x, y) => mark('evicted', symbolTimes, 46, x, y),
  reset: (x, y) => mark('action hollow', symbolCircle, 36, x, y),
  sweep: (x, y) => mark('action hollow', symbolDiamond, 44, x, y),
  add: (x, y) => mark('action', symbolCircle, 14, x, y),
  take: (x, y) => mark('action', symbolCircle, 14, x, y),
  load: (x, y) => mark('action', symbolTriangle, 42, x, y),
  trim: (x, y) => mark('action hollow', symbolCircle, 14, x, y),
  put: (x, y) => mark('action', symbolCircle, 14, x, y),
  rebuild: (x, y) => mark('action', symbolDiamond, 44, x, y),
};
