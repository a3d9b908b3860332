/**
 * The characters that a reader does not see, or that act on what he sees: controls, format characters (those that
 * reorder text, that join, that are no wider than nothing), tags, variation selectors and the other default-ignorable
 * ones, the separators of lines and paragraphs, lone surrogates. An emoji's joiners are among them: two names that
 * look alike must not be two.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const UNSEEN_IN_LINES = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Escapes each character that a reader does not see, or that a terminal would act on: `\x1b`, `\u{202e}`. Every text that
 * came from a store, a file, the environment, an argument or another process goes through it before it is printed. Only
 * what a command itself prints (under `run`, `job` and `with`, also where a shell says that it is not there) is the
 * command's own, and passes unchanged.
 */
export function shown(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** The same for a text of several lines, which stay lines. */
export function shownLines(text: string): string {
  return text.replace(UNSEEN_IN_LINES, escaped);
}

/** Whether a text has a character that `shown` escapes. */
export function hasUnseen(text: string): boolean {
  return text.search(UNSEEN) !== -1;
}

/**
 * A value as JSON for programs, as `--json` prints it: parsed, it is the exact value; printed, it holds no character that
 * `shown` would escape. `JSON.stringify` leaves format characters, C1 controls and U+2028 as they are.
 */
export function jsonText(value: unknown, indent?: number): string {
  // Outside of strings there are no such characters but the newlines of the indentation.
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
