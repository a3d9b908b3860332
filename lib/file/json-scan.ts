/**
 * The position of a value in a JSON text. The scanner detects no errors: it is for texts that `JSON.parse` has
 * accepted.
 *
 * (No library serves: jsonc-parser and momoa take ten and twenty times as long as `JSON.parse`, and the first cannot be
 * bundled.)
 */
export interface JsonNode {
  kind: 'object' | 'array' | 'string' | 'number' | 'literal';
  /** The value's text is `text.slice(start, end)`. */
  start: number;
  end: number;
  /** The members of an object or an array, in the order of the text. */
  members: JsonMember[];
}

export interface JsonMember {
  /** The decoded key of an object's member; empty in an array. */
  key: string;
  /** Where the member begins: its key, or its value in an array. */
  start: number;
  value: JsonNode;
}

/** Far deeper than any document, and safe for the stack. */
export const MAX_DEPTH = 500;

/** @throws {RangeError} if it is nested deeper than `MAX_DEPTH` */
export function scanJson(text: string): JsonNode {
  return new Scanner(text).scan();
}

/** A JSON string's value. Most have no escapes, and need no parser. */
export function decodeString(text: string): string {
  return text.includes('\\') ? JSON.parse(text) : text.slice(1, -1);
}

const NO_MEMBERS: JsonMember[] = [];
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): JsonNode {
    this.#skipSpace();
    return this.#value(0);
  }

  #value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`);
    const start = this.#at;
    const code = this.#text.charCodeAt(start);
    if (code === OPEN_BRACE) return this.#container('object', depth);
    if (code === OPEN_BRACKET) return this.#container('array', depth);
    if (code === QUOTE) this.#skipString();
    else this.#skipWord();
    const kind = code === QUOTE ? 'string' : code >= 0x61 ? 'literal' : 'number';
    return { kind, start, end: this.#at, members: NO_MEMBERS };
  }

  #container(kind: 'object' | 'array', depth: number): JsonNode {
    const start = this.#at;
    const members: JsonMember[] = [];
    this.#at += 1;
    this.#skipSpace();
    while (!this.#isAtEnd()) {
      members.push(this.#member(kind, depth));
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== COMMA) break;
      this.#at += 1;
      this.#skipSpace();
    }
    this.#at += 1;
    return { kind, start, end: this.#at, members };
  }

  #isAtEnd(): boolean {
    const code = this.#text.charCodeAt(this.#at);
    return code === CLOSE_BRACE || code === CLOSE_BRACKET;
  }

  #member(kind: 'object' | 'array', depth: number): JsonMember {
    const start = this.#at;
    if (kind === 'array') return { key: '', start, value: this.#value(depth + 1) };
    this.#skipString();
    const key = decodeString(this.#text.slice(start, this.#at));
    this.#skipSpace();
    // The colon.
    this.#at += 1;
    this.#skipSpace();
    return { key, start, value: this.#value(depth + 1) };
  }

  #skipString(): void {
    let end = this.#at;
    do end = this.#text.indexOf('"', end + 1);
    while (this.#isEscaped(end));
    this.#at = end + 1;
  }

  #isEscaped(at: number): boolean {
    let slashes = 0;
    while (this.#text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    return slashes % 2 === 1;
  }

  /** A number, `true`, `false` or `null`: up to a space, a comma or a bracket. */
  #skipWord(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code <= SPACE || code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET) return;
    }
  }

  #skipSpace(): void {
    while (this.#text.charCodeAt(this.#at) <= SPACE) this.#at += 1;
  }
}
