import { inSingleQuotes } from '../../text/shell-word.ts';

/** The command line that a bash user has typed so far, split into words. Nothing in it is ever expanded. */

export interface Word {
  /** Without quotes. */
  text: string;
  /** The length of the text before the part that bash replaces by a completion. */
  kept: number;
  /** The quote that is still open at its end. */
  quote: '' | '"' | "'";
  /** Whether it is an operator of a redirection or a pipe. */
  isOperator: boolean;
}

const EMPTY: Word = { text: '', kept: 0, quote: '', isOperator: false };
const OPERATORS = '<>|&;()';
/** The characters that a backslash escapes between double quotes. */
const QUOTED_IN_DOUBLE = '$`"\\\n';

/** The words up to the cursor; the last one, which may be empty, is being typed. `breaks` is `COMP_WORDBREAKS`. */
export function wordsOf(line: string, breaks: string): Word[] {
  const words: Word[] = [];
  /** Whether the last word may continue. */
  let isOpen = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string;
    const next = line[at + 1];
    let word = isOpen ? words.at(-1) : undefined;
    if (word && word.quote !== '') {
      at += takeQuoted(word, character, next);
    } else if (/\s/.test(character)) {
      isOpen = false;
    } else if (OPERATORS.includes(character)) {
      words.push({ ...EMPTY, text: character, isOperator: true });
      isOpen = false;
    } else {
      if (!word) {
        word = { ...EMPTY };
        words.push(word);
      }
      isOpen = true;
      at += take(word, character, next, breaks);
    }
  }
  return isOpen ? words : [...words, { ...EMPTY }];
}

/** Takes a character outside quotes. Returns how many more characters it used. */
function take(word: Word, character: string, next: string | undefined, breaks: string): number {
  if (character === '\\') {
    word.text += next ?? '';
    return 1;
  }
  if (character === '"' || character === "'") word.quote = character;
  else word.text += character;
  if (breaks.includes(character)) word.kept = word.text.length;
  return 0;
}

function takeQuoted(word: Word, character: string, next: string | undefined): number {
  if (character === word.quote) {
    word.quote = '';
    word.kept = word.text.length;
  } else if (character === '\\' && word.quote === '"' && next !== undefined && QUOTED_IN_DOUBLE.includes(next)) {
    word.text += next;
    return 1;
  } else word.text += character;
  return 0;
}

/**
 * The text that bash must insert so that the whole word means `value`; null if there is none. bash inserts it unquoted, so
 * every special character is quoted here, as the quotes that are already open require. No library does that.
 */
export function insertion(value: string, { text, kept, quote }: Word): string | null {
  if (!value.startsWith(text)) return null;
  const rest = value.slice(kept);
  if (quote === "'") return inSingleQuotes(rest);
  if (quote === '"') {
    // Between double quotes, the backslash that escapes an exclamation mark stays in the word.
    return rest.includes('!') ? null : rest.replace(/[$`"\\]/g, '\\$&');
  }
  return rest.replace(/[^\p{L}\p{N}\p{M}\p{S}_@%+,.:=/-]|[\^$`<>|~]/gu, '\\$&');
}
