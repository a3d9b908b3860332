import { inSingleQuotes } from '../../text/shell-word.ts';

/**
 * A command line as bash's user has typed it so far, cut into words. Nothing in it is ever expanded: it is looked at,
 * not run.
 */

export interface Word {
  /** Without its quotes. */
  text: string;
  /** How much of the text stands before what bash will replace by a completion. */
  kept: number;
  /** The quote that is still open at its end. */
  quote: '' | '"' | "'";
  /** Whether it is what a redirection or a pipe is made of. */
  isOperator: boolean;
}

const EMPTY: Word = { text: '', kept: 0, quote: '', isOperator: false };
const OPERATORS = '<>|&;()';
/** What a backslash between double quotes quotes; before anything else it stands for itself. */
const QUOTED_IN_DOUBLE = '$`"\\\n';

/** The words up to the cursor; the last one is being typed, and may be empty. `breaks` is `COMP_WORDBREAKS`. */
export function wordsOf(line: string, breaks: string): Word[] {
  const words: Word[] = [];
  /** Whether the last of them may still go on. */
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

/** Outside of quotes. Returns how many characters more were used up. */
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
 * What bash has to put into the line, so that the whole word then means `value`; null if that cannot be. bash takes
 * it as it is, so every character that means something to it is quoted here.
 */
export function insertion(value: string, { text, kept, quote }: Word): string | null {
  if (!value.startsWith(text)) return null;
  const rest = value.slice(kept);
  if (quote === "'") return inSingleQuotes(rest);
  if (quote === '"') {
    // An exclamation mark between double quotes can only be quoted by a backslash that then stays.
    return rest.includes('!') ? null : rest.replace(/[$`"\\]/g, '\\$&');
  }
  return rest.replace(/[^\p{L}\p{N}\p{M}\p{S}_@%+,.:=/-]|[\^$`<>|~]/gu, '\\$&');
}
