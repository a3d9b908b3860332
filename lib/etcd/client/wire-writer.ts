import { MisuseError } from '../../errors.ts';

const INITIAL_BYTES = 128;
const TWO_TO_32 = 2 ** 32;

/** The wire types of Protocol Buffers that etcd's messages use; 1 and 5 (fixed64 and fixed32) it only skips. */
export const VARINT = 0;
export const FIXED_64 = 1;
export const DELIMITED = 2;
export const GROUP_START = 3;
export const GROUP_END = 4;
export const FIXED_32 = 5;

/** Writes the primitive values of Protocol Buffers into one buffer, which grows. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  /** The written bytes; valid until the next write. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  tag(field: number, wireType: number): void {
    this.#varint32((field << 3) | wireType);
  }

  /** A 64-bit integer. @throws {MisuseError} unless it is exact */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new MisuseError(`${value} is no exact integer: etcd takes whole numbers`);
    if (value >= 0 && value < TWO_TO_32) this.#varint32(value);
    else this.#varint64(Math.floor(value / TWO_TO_32) | 0, value >>> 0);
  }

  /** A 64-bit integer, signed or not: both are written alike. */
  big(value: bigint): void {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new MisuseError(`${value} does not fit in 64 bits`);
    this.#varint64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value)));
  }

  bytes(value: Uint8Array): void {
    this.#varint32(value.length);
    this.#ensure(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** The same for the UTF-8 of a text. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.#varint32(length);
    this.#ensure(length);
    this.#length += this.#bytes.write(value, this.#length);
  }

  #varint32(value: number): void {
    this.#ensure(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  #varint64(high: number, low: number): void {
    this.#ensure(10);
    let [upper, lower] = [high >>> 0, low >>> 0];
    while (upper > 0 || lower > 0x7f) {
      this.#bytes[this.#length++] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    this.#bytes[this.#length++] = lower;
  }

  #ensure(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.finish());
    this.#bytes = larger;
  }
}
