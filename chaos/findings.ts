/** Further findings are only counted: one bug causes thousands of the same kind. */
const MOST_KEPT = 40;

/** The findings of one chaos run. */
export class Findings {
  readonly #details: string[] = [];
  readonly #refusals = new Map<string, number>();
  #count = 0;
  overlaps = 0;
  /** How often a name was forgotten. */
  forgotten = 0;
  lost = 0;

  get any(): boolean {
    return this.#count > 0;
  }

  /** A violation. */
  add(detail: string): void {
    this.#count += 1;
    if (this.#details.length < MOST_KEPT) this.#details.push(detail);
  }

  /** A documented error that was justified at the time. */
  refused(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  get details(): string[] {
    const more = this.#count - this.#details.length;
    return more > 0 ? [...this.#details, `and ${more} more`] : [...this.#details];
  }

  get refusals(): string {
    const counted = [...this.#refusals].sort(([a], [b]) => (a < b ? -1 : 1));
    return counted.map(([code, count]) => `${code} ${count.toLocaleString('en-US')}`).join(', ');
  }
}
