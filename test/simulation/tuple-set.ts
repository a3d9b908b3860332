const EMPTY = 0xffffffff;
const START_CAPACITY = 1 << 16;

/** A set of tuples of 32-bit numbers: JavaScript's own sets end at 16.7 million members. */
export class TupleSet {
  readonly #width: number;
  #slots: Uint32Array;
  #mask = START_CAPACITY - 1;
  #size = 0;

  constructor(width: number) {
    this.#width = width;
    this.#slots = new Uint32Array(START_CAPACITY * width).fill(EMPTY);
  }

  get size(): number {
    return this.#size;
  }

  /** False if it was there already. The first number must be less than 2^32 − 1. */
  add(tuple: Uint32Array): boolean {
    if (this.#size * 2 > this.#mask) this.#grow();
    if (!this.#insert(tuple, 0)) return false;
    this.#size += 1;
    return true;
  }

  #insert(from: Uint32Array, offset: number): boolean {
    for (let slot = this.#hash(from, offset) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * this.#width;
      if (this.#slots[at] === EMPTY) {
        for (let n = 0; n < this.#width; n++) this.#slots[at + n] = from[offset + n] as number;
        return true;
      }
      let n = 0;
      while (n < this.#width && this.#slots[at + n] === from[offset + n]) n++;
      if (n === this.#width) return false;
    }
  }

  #hash(from: Uint32Array, offset: number): number {
    let hash = 0x9e3779b9;
    for (let n = 0; n < this.#width; n++) {
      hash = Math.imul(hash ^ (from[offset + n] as number), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    return Math.imul(hash, 0xc2b2ae35) >>> 1;
  }

  #grow(): void {
    const before = this.#slots;
    this.#mask = (this.#mask + 1) * 2 - 1;
    this.#slots = new Uint32Array((this.#mask + 1) * this.#width).fill(EMPTY);
    for (let at = 0; at < before.length; at += this.#width) if (before[at] !== EMPTY) this.#insert(before, at);
  }
}
