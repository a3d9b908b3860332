/** Takes turns: returns at most so many of a list, and the next time those behind them. */
export class Rota {
  readonly #most: number;
  #from = 0;

  constructor(most: number) {
    this.#most = most;
  }

  next<T>(all: readonly T[]): T[] {
    if (all.length <= this.#most) return [...all];
    const from = this.#from % all.length;
    this.#from = from + this.#most;
    return [...all.slice(from, from + this.#most), ...all.slice(0, Math.max(0, from + this.#most - all.length))];
  }
}
