/** The descriptor on which a module's process gets its order, and sends its reply. */
export const CHILD_FD = 3;
/** What one process sends another one at a time. */
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

/** One message that comes in pieces. */
export class IncomingFrame {
  readonly #pieces: Buffer[] = [];
  #size = 0;
  #length: number | null = null;
  #whole: Buffer | null = null;

  /** Returns the message once it is whole; what follows it is ignored. */
  add(piece: Buffer): Buffer | null {
    if (this.#whole || this.isTooLong) return this.#whole;
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#length === null && this.#size >= HEAD_BYTES) this.#length = lengthIn(this.#joined());
    if (this.#length === null || this.#size < HEAD_BYTES + this.#length) return null;
    this.#whole = this.#joined().subarray(HEAD_BYTES, HEAD_BYTES + this.#length);
    this.#pieces.length = 0;
    return this.#whole;
  }

  /** Whether it says that it is longer than a message may be. Nothing more of it is kept. */
  get isTooLong(): boolean {
    return this.#length !== null && this.#length > MAX_FRAME_BYTES;
  }

  #joined(): Buffer {
    const all = Buffer.concat(this.#pieces);
    this.#pieces.splice(0, this.#pieces.length, all);
    return all;
  }
}
