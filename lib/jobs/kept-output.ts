/** A longer output is cut: its first and its last part stay. */
const MAX_BYTES = 4 * 1024 * 1024;
const FIRST_BYTES = 1024 * 1024;
const LAST_BYTES = 1024 * 1024;
/** How far before a cut the end of a line is looked for. */
const NEAR_BYTES = 64 * 1024;
const FIRST_ROOM = 64 * 1024;

const NEWLINE = 0x0a;

/**
 * The part of an output that is kept: all of it up to 4 MiB; of a longer one the first MiB and at least the last, with a line
 * between them that gives the number of missing bytes.
 */
export class KeptOutput {
  #buffer = Buffer.alloc(FIRST_ROOM);
  #length = 0;
  /** Where the first part ends; 0 before the first cut. */
  #firstEnd = 0;
  /** The number of bytes cut away so far. */
  #missing = 0;
  /** The length of the line that gives their number. */
  #noteLength = 0;

  /** Valid until the next `append`. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Appends bytes. Returns from where on the kept bytes are new: that is before their former end after a cut. */
  append(bytes: Uint8Array): number {
    let changedFrom = this.#length;
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + NEAR_BYTES);
      this.#makeRoom(piece.length);
      this.#buffer.set(piece, this.#length);
      this.#length += piece.length;
      done += piece.length;
      if (this.#length > MAX_BYTES) {
        this.#cut();
        changedFrom = Math.min(changedFrom, this.#firstEnd);
      }
    }
    return changedFrom;
  }

  /** Doubles, up to what an output can have at most before it is cut. */
  #makeRoom(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.min(Math.max(wanted, this.#buffer.length * 2), MAX_BYTES + NEAR_BYTES));
    larger.set(this.bytes);
    this.#buffer = larger;
  }

  #cut(): void {
    this.#firstEnd ||= this.#lineEndBefore(FIRST_BYTES);
    const begin = this.#lineEndBefore(this.#length - LAST_BYTES);
    this.#missing += begin - this.#firstEnd - this.#noteLength;
    const isLine = this.#buffer[this.#firstEnd - 1] === NEWLINE;
    const note = Buffer.from(`${isLine ? '' : '\n'}[lockstep: ${this.#missing} bytes of output are left out here]\n`);
    this.#noteLength = note.length;
    this.#buffer.set(note, this.#firstEnd);
    const end = this.#firstEnd + note.length;
    this.#buffer.copyWithin(end, begin, this.#length);
    this.#length = end + this.#length - begin;
  }

  /** Returns the end of the last line before a position, if one ends near, so that no line is split. */
  #lineEndBefore(position: number): number {
    const from = Math.max(0, position - NEAR_BYTES);
    const newline = this.#buffer.subarray(from, position).lastIndexOf(NEWLINE);
    return newline === -1 ? position : from + newline + 1;
  }
}
