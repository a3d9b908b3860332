/** A longer line is passed on in parts of this size, each as a line of its own. */
export const MAX_LINE_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const LINE_END = Buffer.from('\n');

/**
 * Puts a label before each line of an output, piece by piece. The output's own bytes pass unchanged, whatever their encoding; only
 * newlines are added: behind a carriage return that stands alone, as of a progress bar, behind a last line without an end, and
 * in a line that is too long.
 */
export class PrefixedLines {
  readonly #label: Buffer;
  #rest = Buffer.alloc(0);
  /** Whether the last byte was a carriage return, behind which a newline has been written. */
  #isReturned = false;

  constructor(label: string) {
    this.#label = Buffer.from(label);
  }

  /** Takes the next bytes; returns the lines that are whole now. */
  of(chunk: Uint8Array): Buffer {
    if (chunk.length === 0) return this.#rest.subarray(0, 0);
    const isRest = this.#isReturned && chunk[0] === NEWLINE;
    const bytes = Buffer.concat([this.#rest, isRest ? chunk.subarray(1) : chunk]);
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = lineEnd(bytes, from); end !== -1; end = lineEnd(bytes, from)) {
      const isReturn = bytes[end] === RETURN;
      this.#add(lines, bytes.subarray(from, isReturn ? end + 1 : end));
      from = isReturn && bytes[end + 1] === NEWLINE ? end + 2 : end + 1;
    }
    const parts = bytes.subarray(from);
    const rest = this.#cut(lines, parts);
    this.#isReturned = parts.length === 0 && bytes.at(-1) === RETURN;
    // A copy: else a few bytes would keep the whole chunk in memory.
    this.#rest = Buffer.from(rest);
    return Buffer.concat(lines);
  }

  /** Returns the last line, which nothing has ended. */
  end(): Buffer {
    const lines: Buffer[] = [];
    if (this.#rest.length > 0) this.#add(lines, this.#rest);
    this.#rest = Buffer.alloc(0);
    return Buffer.concat(lines);
  }

  #add(lines: Buffer[], line: Buffer): void {
    lines.push(this.#label, this.#cut(lines, line), LINE_END);
  }

  /** Adds a line's first parts, as long as it is too long. Returns the rest. */
  #cut(lines: Buffer[], line: Buffer): Buffer {
    let rest = line;
    while (rest.length > MAX_LINE_BYTES) {
      const length = wholeCharacters(rest, MAX_LINE_BYTES);
      lines.push(this.#label, rest.subarray(0, length), LINE_END);
      rest = rest.subarray(length);
    }
    return rest;
  }
}

/** Where the next newline or carriage return is; −1 if there is none. */
function lineEnd(bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(NEWLINE, from);
  const before = bytes.subarray(from, newline === -1 ? bytes.length : newline).indexOf(RETURN);
  return before === -1 ? newline : from + before;
}

/** A length, at most this one, that splits no UTF-8 character. */
function wholeCharacters(bytes: Buffer, length: number): number {
  for (let at = length; at > length - 4; at--) if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return at;
  return length;
}
