const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const SPACES = [0x20, 0x09, 0x0d];

/** Parses the JSON array with which some bytes begin; null if they do not begin with a whole one. */
export function arrayIn(bytes: Buffer, start: number, end: number): unknown[] | null {
  // Mostly nothing stands behind it, and no search is needed.
  const whole = bytes[end - 1] === CLOSING_BRACKET ? parseArray(bytes.toString('utf8', start, end)) : null;
  if (whole) return whole;
  const arrayEnd = endOfArray(bytes, start, end);
  return arrayEnd === -1 ? null : parseArray(bytes.toString('utf8', start, arrayEnd));
}

/**
 * Returns the end of the JSON array with which some bytes begin: the place behind its bracket. −1 if it is not whole, or
 * is nested deeper than `maxDepth`. It does not check the syntax: `JSON.parse` does.
 */
export function endOfArray(bytes: Uint8Array, start: number, end: number, maxDepth = Number.POSITIVE_INFINITY): number {
  let at = start;
  while (at < end && SPACES.includes(bytes[at] as number)) at += 1;
  if (bytes[at] !== OPENING_BRACKET) return -1;
  for (let depth = 0; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at, end);
    else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) depth += 1;
    else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) depth -= 1;
    if (depth === 0) return at + 1;
    if (depth > maxDepth) return -1;
  }
  return -1;
}

/** Returns the place of the quote that ends a string. */
function endOfString(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

function parseArray(text: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
