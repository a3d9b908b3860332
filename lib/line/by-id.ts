/** A few dropped places at the front cost less than moving all others at each. */
const MAX_DROPPED = 1_024;

/** Things found by their ids, in the order in which they were added; dropped from the front. Every operation takes constant time. */
export class ById<T extends { readonly id: string }> {
  readonly #found = new Map<string, T>();
  #order: T[] = [];
  #dropped = 0;

  get size(): number {
    return this.#found.size;
  }

  get(id: string): T | undefined {
    return this.#found.get(id);
  }

  get first(): T | undefined {
    return this.#order[this.#dropped];
  }

  get last(): T | undefined {
    return this.size === 0 ? undefined : this.#order.at(-1);
  }

  /** The id must not be there yet. */
  add(one: T): void {
    this.#found.set(one.id, one);
    this.#order.push(one);
  }

  dropFirst(): void {
    const { first } = this;
    if (first === undefined) return;
    this.#found.delete(first.id);
    this.#dropped += 1;
    if (this.#dropped < MAX_DROPPED && this.#dropped < this.#order.length) return;
    this.#order = this.#order.slice(this.#dropped);
    this.#dropped = 0;
  }

  clear(): void {
    this.#found.clear();
    this.#order = [];
    this.#dropped = 0;
  }

  all(): T[] {
    return this.#order.slice(this.#dropped);
  }
}
