import type { Words } from './argv.ts';
import type { OptionDefinition, VerbDefinition } from './definition.ts';
import { optionOf, typedWords } from './typed-words.ts';

/** The values of a verb's options and positionals, by all their names, as yargs gives them to the verb. */
export type PlainValues = Record<string, unknown>;

/**
 * Reads a call that leaves no question open: known options, each at most once, with values that have one meaning. Null for any other
 * call, and for one with a mistake: yargs reads those, and reports the mistakes. To load yargs, and have it read a call,
 * takes as long as all else that a verb does (`docs/decisions/0021-the-command-lines-start.md`).
 *
 * A call that this function reads, yargs reads in the same way (`test/cli/args/plain-call.test.ts`).
 *
 * @param words those behind the verb
 */
export function plainCall(words: Words, verb: VerbDefinition, takesCommand: boolean): PlainValues | null {
  const given = givenIn(wordsOf(words, verb, takesCommand), verb);
  if (!given) return null;
  const values: PlainValues = { _: [verb.verb], $0: 'lockstep' };
  for (const option of verb.options) {
    const value = given.options.has(option) ? given.options.get(option) : option.preset;
    if (value !== undefined) for (const name of namesOf(option)) values[name] = value;
  }
  return arePlaced(given.places, verb, values) && arePassed(verb, values) ? values : null;
}

/** Returns the words that yargs would be given; null for words that are refused. */
function wordsOf(words: Words, verb: VerbDefinition, takesCommand: boolean): readonly string[] | null {
  try {
    return typedWords(words, verb, takesCommand);
  } catch {
    return null;
  }
}

interface Given {
  options: Map<OptionDefinition, string | number | true>;
  places: string[];
}

function givenIn(words: readonly string[] | null, verb: VerbDefinition): Given | null {
  if (!words) return null;
  const given: Given = { options: new Map(), places: [] };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (isPlain(word)) {
      // Behind a switch yargs takes these for its value.
      if (word === 'true' || word === 'false') return null;
      given.places.push(word);
      continue;
    }
    const [, dashes, names = '', glued] = /^(--?)([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    for (const name of dashes === '--' ? [names] : names) {
      const option = optionOf(verb, name);
      if (!option || isBuiltIn(option) || option.isList || given.options.has(option)) return null;
      const isGlued = glued !== undefined;
      const value = option.takesValue ? readValue(option, isGlued ? glued : words[at + 1]) : isGlued ? null : true;
      if (value === null || (option.takesValue && dashes === '-' && names.length > 1)) return null;
      given.options.set(option, value);
      if (option.takesValue && !isGlued) at += 1;
    }
    if (!names) return null;
  }
  return given;
}

/** A word that is no option, and that yargs does not change: it takes quotation marks away. */
function isPlain(word: string | undefined): word is string {
  return word !== undefined && /^[^-'"]/.test(word);
}

function isBuiltIn({ name }: OptionDefinition): boolean {
  return name === 'help' || name === 'version';
}

function readValue({ isNumber, choices }: OptionDefinition, word: string | undefined): string | number | null {
  if (!isPlain(word)) return null;
  if (choices.length > 0 && !choices.includes(word)) return null;
  if (!isNumber) return word;
  return /^(0|[1-9]\d{0,14})$/.test(word) ? Number(word) : null;
}

function namesOf({ name, aliases }: OptionDefinition): string[] {
  return [name, ...aliases].flatMap((one) => [one, one.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]);
}

/** Gives the words their places among the values. False if there are too many, or too few. */
function arePlaced(words: readonly string[], { positionals }: VerbDefinition, values: PlainValues): boolean {
  const rest = [...words];
  for (const { name, isList, isNeeded, choices } of positionals) {
    if (isList) values[name] = rest.splice(0);
    const word = isList ? undefined : rest.shift();
    if (word === undefined) {
      if (isNeeded) return false;
    } else if (choices.length > 0 && !choices.includes(word)) return false;
    else values[name] = word;
  }
  return rest.length === 0;
}

function arePassed({ checks }: VerbDefinition, values: PlainValues): boolean {
  try {
    return checks.every((check) => check(values) === true);
  } catch {
    return false;
  }
}
