/** The descriptor on which a module's process gets its order, and sends its replies. */
export const CHILD_FD = 3;
/** The most that one process sends another one at a time. */
export const MAX_FRAME_BYTES = 256 * 2 ** 20;
/** The length of the bytes that follow. */
export const HEAD_BYTES = 6;

/** A message with its length before it: a pipe that ends in the middle of one is not taken for the end of a shorter one. */
export function framed(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(bytes.byteLength, 0, HEAD_BYTES);
  return Buffer.concat([head, bytes]);
}

export function lengthIn(head: Buffer): number {
  return head.readUIntBE(0, HEAD_BYTES);
}

/** Messages that come in pieces, one after the other. */
export class IncomingFrames {
  #pieces: Buffer[] = [];
  #size = 0;
  /** Of the message that comes now; null before it is known. */
  #length: number | null = null;

  /** Returns the messages that are whole by now. */
  add(piece: Buffer): Buffer[] {
    const whole: Buffer[] = [];
    if (this.isTooLong) return whole;
    this.#pieces.push(piece);
    this.#size += piece.length;
    for (let next = this.#next(); next; next = this.#next()) whole.push(next);
    return whole;
  }

  /** Whether one says that it is longer than a message may be. Nothing more is kept. */
  get isTooLong(): boolean {
    return this.#length !== null && this.#length > MAX_FRAME_BYTES;
  }

  /** The next one, if it is whole. The pieces are joined only for its length, and when all of it is there. */
  #next(): Buffer | null {
    if (this.#length === null && this.#size >= HEAD_BYTES) this.#length = lengthIn(this.#joined());
    if (this.#length === null || this.#size < HEAD_BYTES + this.#length) return null;
    const [all, end] = [this.#joined(), HEAD_BYTES + this.#length];
    const rest = all.subarray(end);
    [this.#pieces, this.#size, this.#length] = [[rest], rest.length, null];
    return all.subarray(HEAD_BYTES, end);
  }

  #joined(): Buffer {
    const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}
