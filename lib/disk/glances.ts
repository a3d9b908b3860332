/** How many names are remembered: a caller that looks again and again looks at few. */
const MOST = 16;

/** The names that were looked at last, to distinguish a look that is repeated from one at each of many names. */
export class Glances {
  readonly #last = new Set<string>();

  /** Whether a name is among the last ones; if not, it is from now on. */
  isRepeated(name: string): boolean {
    if (this.#last.has(name)) return true;
    this.#last.add(name);
    const [oldest] = this.#last;
    if (this.#last.size > MOST && oldest !== undefined) this.#last.delete(oldest);
    return false;
  }
}
