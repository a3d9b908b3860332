/**
 * The characters that a reader does not see, or that change what a reader sees: controls, format characters (reordering,
 * joining, zero-width), tags, variation selectors and the other default-ignorable ones, line and paragraph separators,
 * lone surrogates. An emoji's joiners are among them: two names that look alike must not be two names.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const UNSEEN_IN_LINES = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Escapes each character that a reader does not see, or that a terminal would act on: `\x1b`, `\u{202e}`. Every text
 * from a store, a file, the environment, an argument or another process passes through it before it is printed. Only the
 * output of a command under `run`, `job` and `with` (and a shell's message that there is no such command) is the
 * command's own, and passes unchanged.
 */
export function shown(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** The same, but newlines stay. */
export function shownLines(text: string): string {
  return text.replace(UNSEEN_IN_LINES, escaped);
}

/** Whether `shown` would change a text. */
export function hasUnseen(text: string): boolean {
  return text.search(UNSEEN) !== -1;
}

/**
 * Converts a value to the JSON that `--json` prints. It parses to the exact value, and contains no character that `shown`
 * would escape; `JSON.stringify` leaves format characters, C1 controls and U+2028 unescaped.
 */
export function jsonText(value: unknown, indent?: number): string {
  // Outside strings there are no such characters except the newlines of the indentation.
  return JSON.stringify(value, null, indent).replace(UNSEEN_IN_LINES, escapedInJson);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  return code < 0xa0 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

function escapedInJson(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
