import { WireError } from './wire-error.ts';

/** gRPC puts a flag, whether the message is compressed, and a length in four bytes in front of each message. */
const PREFIX_BYTES = 5;

/** A message as gRPC frames it. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/**
 * Cuts what is received into messages. It keeps only bytes that have arrived: a length alone allocates nothing.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun to arrive, and has not ended. */
  get isInside(): boolean {
    return this.#buffered > 0;
  }

  /**
   * Takes what has arrived, and returns the messages that are whole now.
   *
   * @throws {WireError} for a message that is compressed, or larger than allowed
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const messages: Buffer[] = [];
    for (;;) {
      const length = this.#nextLength();
      if (length === null || this.#buffered < PREFIX_BYTES + length) return messages;
      messages.push(this.#take(PREFIX_BYTES + length).subarray(PREFIX_BYTES));
    }
  }

  /** The length of the message that comes next; null while its prefix is not whole. */
  #nextLength(): number | null {
    if (this.#buffered < PREFIX_BYTES) return null;
    if ((this.#chunks[0] as Buffer).length < PREFIX_BYTES) this.#chunks = [Buffer.concat(this.#chunks)];
    const first = this.#chunks[0] as Buffer;
    if (first[0] !== 0) throw new WireError('a message is compressed, which nobody asked for');
    const length = first.readUInt32BE(1);
    if (length > this.#maxBytes)
      throw new WireError(`a message has ${length} bytes, and at most ${this.#maxBytes} are allowed`);
    return length;
  }

  #take(length: number): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = all.length === length ? [] : [all.subarray(length)];
    this.#buffered -= length;
    return all.subarray(0, length);
  }
}
