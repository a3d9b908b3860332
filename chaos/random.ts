/** Reproducible random numbers: the same seed gives the same sequence. (Small and fast; mulberry32.) */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 (included) to 1 (excluded). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.whole(0, list.length - 1)] ?? list[0];
  }

  /** A key, with a probability proportional to its weight. */
  weighted<K extends string>(weights: Record<K, number>): K {
    const keys = Object.keys(weights) as K[];
    let at = this.next() * keys.reduce((sum, key) => sum + weights[key], 0);
    for (const key of keys) {
      at -= weights[key];
      if (at < 0) return key;
    }
    return keys.at(-1) as K;
  }

  /** A seed for another generator, which is then independent of further calls on this one. */
  seed(): number {
    return this.whole(0, 2 ** 32 - 1);
  }
}
