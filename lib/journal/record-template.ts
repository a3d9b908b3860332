/** The text of a record as bytes, the newline in front included. */
export interface RecordBytes {
  readonly bytes: Buffer;
  readonly length: number;
}

const ZERO = 0x30;
/** More digits than any number takes that a record may have. */
const MOST_DIGITS = 32;
/** A number below this is a small integer, whose division is quick. */
const HALF_DIGITS = 8;
const HALF = 10 ** HALF_DIGITS;

/**
 * The text of records that differ in some numbers only. It keeps the bytes of the last one, and overwrites the numbers: to make a
 * string and to encode it would take longer than the `write` of a short record.
 */
export class RecordTemplate implements RecordBytes {
  readonly bytes: Buffer;
  length: number;
  /** The text behind each number. */
  readonly #behind: readonly Buffer[];
  /** Where each number begins, and where it ended last. */
  readonly #begin: number;
  readonly #ends: number[];
  /** The upper digits of each number, which seldom differ from those of the last one. */
  readonly #highs: number[];

  /** @param texts what stands before the first number, between two, and behind the last one */
  constructor(first: string, ...behind: string[]) {
    const start = Buffer.from(`\n${first}`);
    this.#behind = behind.map((text) => Buffer.from(text));
    this.#ends = behind.map(() => 0);
    this.#highs = behind.map(() => -1);
    this.#begin = start.length;
    this.length = start.length;
    const most = this.#behind.reduce((sum, { length }) => sum + MOST_DIGITS + length, start.length);
    this.bytes = Buffer.allocUnsafe(most);
    start.copy(this.bytes);
  }

  /** Puts the numbers in. There are two or three. The bytes are valid until the next call. */
  fill(first: number, second: number, third = 0): this {
    const middle = this.#put(1, second, this.#put(0, first, this.#begin));
    this.length = this.#behind.length > 2 ? this.#put(2, third, middle) : middle;
    return this;
  }

  /** Puts a number at a place. Returns where the next one begins. */
  #put(hole: number, value: number, at: number): number {
    const end = at + this.#write(hole, value, at);
    const behind = this.#behind[hole] as Buffer;
    if (end !== this.#ends[hole]) {
      // The text behind it has another place than the last time.
      behind.copy(this.bytes, end);
      this.#ends[hole] = end;
      for (let next = hole + 1; next < this.#highs.length; next++) this.#highs[next] = -1;
    }
    return end + behind.length;
  }

  /** Writes a number as JSON has it. Returns its length. */
  #write(hole: number, value: number, at: number): number {
    const isWhole = Number.isSafeInteger(value) && value >= 0;
    const high = isWhole ? Math.floor(value / HALF) : -1;
    const isSame = high === this.#highs[hole];
    this.#highs[hole] = high;
    if (!isWhole) return this.bytes.write(String(value), at, 'latin1');
    const low = value - high * HALF;
    const middle = at + (high > 0 ? digitsOf(high) : 0);
    const end = middle + (high > 0 ? HALF_DIGITS : digitsOf(low));
    if (!isSame) this.#digits(high, middle, at);
    this.#digits(low, end, middle);
    return end - at;
  }

  /** Writes a small integer's digits up to `end`, with zeros in front from `begin` on. */
  #digits(value: number, end: number, begin: number): void {
    for (let rest = value, at = end - 1; at >= begin; at--) {
      const tens = (rest / 10) | 0;
      this.bytes[at] = ZERO + rest - tens * 10;
      rest = tens;
    }
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits += 1;
  return digits;
}
