import { WireError } from './wire-error.ts';
import { DELIMITED, FIXED_32, FIXED_64, GROUP_END, GROUP_START, VARINT } from './wire-writer.ts';

const TWO_TO_32 = 2 ** 32;
/** The most bytes of a varint. */
const MAX_VARINT_BYTES = 10;
/** The largest field number. */
const MAX_FIELD = 2 ** 29 - 1;

/** How deep messages and groups may nest. A transaction in a transaction is four levels of messages. */
export const MAX_DEPTH = 64;

/**
 * How many elements all lists of one message may have together. An empty element takes two bytes, and becomes an object of
 * hundreds: a bound on the bytes alone would not bound the memory. Read larger ranges in pages.
 */
export const MAX_ELEMENTS = 200_000;

/**
 * Reads the primitive values of Protocol Buffers. It reads nothing beyond the end, and allocates nothing before it knows
 * that the bytes are there.
 *
 * All its methods throw a `WireError` for what is malformed.
 */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  readonly #depth: number;
  /** Shared with the readers of what is nested in the message. */
  readonly #elements: { left: number };
  /** The halves of the last varint: a field for each saves an allocation for every number. */
  #high = 0;
  #low = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length, depth = 0, elements = { left: MAX_ELEMENTS }) {
    if (depth > MAX_DEPTH) throw new WireError(`messages are nested more than ${MAX_DEPTH} deep`);
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
    this.#elements = elements;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** The number of the next field, and its wire type. */
  tag(): { field: number; wireType: number } {
    this.#varint();
    const field = this.#low >>> 3;
    if (this.#high !== 0 || field === 0 || field > MAX_FIELD) throw new WireError('a field has no valid number');
    return { field, wireType: this.#low & 7 };
  }

  /** A signed 64-bit integer. It throws where JavaScript's numbers are not exact. */
  int64(): number {
    this.#varint();
    const value = (this.#high | 0) * TWO_TO_32 + this.#low;
    if (!Number.isSafeInteger(value)) throw new WireError('a number is larger than 2^53');
    return value;
  }

  bigInt64(): bigint {
    return BigInt.asIntN(64, this.bigUint64());
  }

  bigUint64(): bigint {
    this.#varint();
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /** An enumeration's number: the lower 32 bits, as in every implementation. */
  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  boolean(): boolean {
    this.#varint();
    return this.#high !== 0 || this.#low !== 0;
  }

  /** A copy: the received buffer, which is much larger, can be freed. */
  bytes(): Buffer {
    const start = this.#skip(this.#length());
    return Buffer.from(this.#bytes.subarray(start, this.#at));
  }

  text(): string {
    const start = this.#skip(this.#length());
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** A reader of the message, or of the packed numbers, that come next. */
  nested(): WireReader {
    const start = this.#skip(this.#length());
    return new WireReader(this.#bytes, start, this.#at, this.#depth + 1, this.#elements);
  }

  /** Counts one element of a list. */
  element(): void {
    if (this.#elements.left-- <= 0) throw new WireError(`its lists have more than ${MAX_ELEMENTS} elements`);
  }

  /** Skips the value of a field that is not known. */
  skip(field: number, wireType: number): void {
    if (wireType === VARINT) this.#varint();
    else if (wireType === DELIMITED) this.#skip(this.#length());
    else if (wireType === FIXED_64) this.#skip(8);
    else if (wireType === FIXED_32) this.#skip(4);
    else if (wireType === GROUP_START) this.#skipGroup(field);
    else throw new WireError(`field ${field} has no valid type`);
  }

  #skipGroup(field: number): void {
    const open = [field];
    while (open.length > 0) {
      const next = this.tag();
      if (next.wireType === GROUP_START) open.push(next.field);
      else if (next.wireType !== GROUP_END) this.skip(next.field, next.wireType);
      else if (open.pop() !== next.field) throw new WireError('a group ends that has not begun');
      if (open.length > MAX_DEPTH) throw new WireError(`groups are nested more than ${MAX_DEPTH} deep`);
    }
  }

  #length(): number {
    this.#varint();
    if (this.#high !== 0) throw new WireError('a length is larger than the message');
    return this.#low;
  }

  /** Passes some bytes, and returns where they began. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new WireError('the message ends in the middle of a field');
    this.#at = start + length;
    return start;
  }

  #varint(): void {
    let [high, low] = [0, 0];
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      if (this.#at >= this.#end) throw new WireError('the message ends in the middle of a number');
      const byte = this.#bytes[this.#at++] ?? 0;
      const bits = byte & 0x7f;
      if (count < 4) low |= bits << (7 * count);
      else if (count > 4) high |= bits << (7 * count - 32);
      else {
        low |= bits << 28;
        high = bits >>> 4;
      }
      if (byte < 0x80) {
        this.#high = high >>> 0;
        this.#low = low >>> 0;
        return;
      }
    }
    throw new WireError('a number is longer than ten bytes');
  }
}
