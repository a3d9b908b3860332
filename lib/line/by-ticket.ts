/** Up to so many are found by a look at each: a ticket is too large for a small integer, so a `Map` computes its hash at each call. */
const FEW = 8;

/** Things that have a ticket each, found by it. In the order in which they were added. */
export class ByTicket<T extends { readonly ticket: number }> {
  /** Used as long as `#many` is null. */
  readonly #few: T[] = [];
  #many: Map<number, T> | null = null;

  get size(): number {
    return this.#many?.size ?? this.#few.length;
  }

  get(ticket: number): T | undefined {
    if (this.#many) return this.#many.get(ticket);
    const few = this.#few;
    for (let at = 0; at < few.length; at++) if (few[at]?.ticket === ticket) return few[at];
    return undefined;
  }

  /** The ticket must not be there yet. */
  add(one: T): void {
    if (this.#many) this.#many.set(one.ticket, one);
    else if (this.#few.length < FEW) this.#few.push(one);
    else {
      this.#many = new Map(this.#few.map((each) => [each.ticket, each]));
      this.#many.set(one.ticket, one);
      this.#few.length = 0;
    }
  }

  /** False if it is not there. */
  delete(ticket: number): boolean {
    if (this.#many) {
      const isThere = this.#many.delete(ticket);
      if (this.#many.size === 0) this.#many = null;
      return isThere;
    }
    const at = this.#few.findIndex((one) => one.ticket === ticket);
    if (at === -1) return false;
    // Mostly it is the only one, or the first.
    if (at === 0) this.#few.shift();
    else this.#few.splice(at, 1);
    return true;
  }

  all(): T[] {
    return this.#many ? [...this.#many.values()] : [...this.#few];
  }
}
