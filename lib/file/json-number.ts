import type { JsonNode } from './json-scan.ts';

/** Numbers up to this length and without an exponent are always exact. */
const SAFE_LENGTH = 15;
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Whether `JSON.parse` loses digits of a number's text. */
export function isLossy(text: string): boolean {
  if (text.length <= SAFE_LENGTH && !/[eE]/.test(text)) return false;
  const value = Number(text);
  return !Number.isFinite(value) || digitsOf(text) !== digitsOf(String(value));
}

/** A decimal number's digits without zeros at either end, and its exponent: the same for `1.50` and `15e-1`. */
function digitsOf(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** The numbers of a JSON text that JavaScript cannot represent. */
export class LossyNumbers {
  readonly #text: string;
  readonly #root: JsonNode;
  /** By the number that `JSON.parse` makes of the text. */
  readonly #texts = new Map<number, string>();
  #twins: Set<number> | undefined;

  constructor(text: string, root: JsonNode) {
    this.#text = text;
    this.#root = root;
    for (const number of this.#numbersIn(root)) if (isLossy(number)) this.#texts.set(Number(number), number);
  }

  /** The text that `JSON.parse` reads as this number, losing digits. */
  textOf(value: number): string | undefined {
    return this.#texts.get(value);
  }

  /** Whether a node has a number that JavaScript cannot distinguish from another one in the text. */
  hasTwin(node: JsonNode): boolean {
    if (this.#texts.size === 0) return false;
    this.#twins ??= this.#findTwins();
    if (this.#twins.size === 0) return false;
    for (const number of this.#numbersIn(node)) if (this.#twins.has(Number(number))) return true;
    return false;
  }

  #findTwins(): Set<number> {
    const twins = new Set<number>();
    for (const number of this.#numbersIn(this.#root)) {
      const value = Number(number);
      const lossy = this.#texts.get(value);
      if (lossy !== undefined && digitsOf(lossy) !== digitsOf(number)) twins.add(value);
    }
    return twins;
  }

  *#numbersIn(node: JsonNode): Generator<string> {
    if (node.kind === 'number') yield this.#text.slice(node.start, node.end);
    for (const { value } of node.members) yield* this.#numbersIn(value);
  }
}
