import { toXml } from 'xast-util-to-xml';
import { x } from 'xastscript';
import { shownLines } from '../../text/escape.ts';

/** An XML element. */
export type Drawn = Extract<ReturnType<typeof x>, { type: 'element' }>;
/** The content of an element. */
export type Content = Drawn | string | number | null | readonly Content[];

type Attributes = Record<string, string | number | null>;

/** Builds an element of a picture or a page. Text is escaped and `shown`; characters that XML forbids are replaced. */
export function el(name: string, attributes: Attributes, ...content: readonly Content[]): Drawn {
  const children = flat(content).map((child) => (typeof child === 'string' ? lawful(child) : child));
  const lawfulAttributes = Object.entries(attributes).map(([key, value]) => [
    key,
    typeof value === 'string' ? lawful(value) : value,
  ]);
  return x(name, Object.fromEntries(lawfulAttributes), children);
}

function flat(content: Content): Array<Drawn | string | number | null> {
  return Array.isArray(content) ? content.flatMap(flat) : [content as Drawn | string | number | null];
}

export function markup(drawn: Drawn): string {
  // XML forbids this in text, and the serializer does not escape it.
  return toXml(drawn).replaceAll(']]>', ']]&gt;');
}

/** A rectangle, at least as wide as is visible. */
export function bar(className: string, from: number, to: number, y: number, height: number): Drawn {
  return el('rect', {
    class: className,
    x: px(from),
    y: px(y),
    width: px(Math.max(1.2, to - from)),
    height: px(height),
  });
}

export function text(className: string, at: number, y: number, ...content: readonly Content[]): Drawn {
  return el('text', { class: className, x: px(at), y: px(y) }, ...content);
}

export function line(className: string, [x1, y1]: Point, [x2, y2]: Point): Drawn {
  return el('line', { class: className, x1: px(x1), y1: px(y1), x2: px(x2), y2: px(y2) });
}

export type Point = readonly [x: number, y: number];

/** Rounds to a tenth of a pixel. */
export function px(length: number): number {
  return Math.round(length * 10) / 10;
}

function lawful(given: string): string {
  return shownLines(given).replace(/[\uFFFE\uFFFF]/g, '\uFFFD');
}
