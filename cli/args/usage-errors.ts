import { dashed } from './definition.ts';

export interface Verbs {
  all: readonly string[];
  /** The verbs that take words behind `--`. */
  withCommand: readonly string[];
}

interface Call {
  /** The verb as it was typed. */
  verb: string;
  verbs: Verbs;
}

type InOurWords = (call: Call, ...found: string[]) => string;

const COMPLAINTS: ReadonlyArray<[RegExp, InOurWords]> = [
  [/^Unknown commands?: (.+)$/s, (call, words = '') => ofWords(call, words.replaceAll(', ', ' '))],
  [/^Did you mean (.+)\?$/s, ({ verb }, meant) => `unknown verb ${verb}: did you mean ${meant}?`],
  [/^Unknown arguments?: (.+)$/s, (_, names = '') => ofOptions(names.split(', '))],
  [/^Not enough arguments following: (.+)$/s, (_, name = '') => `${dashed(name)} needs a value`],
  [
    /^Invalid values: Argument: (.+?), Given: (.*?), Choices: (.*)$/s,
    (_, name, given, choices) => `${name} must be one of ${choices}, not ${given}`,
  ],
];

/**
 * Rewrites a message of yargs in our terms; a message that is not known here stays as it is. yargs' `updateStrings` could
 * replace only one of these: the others need the verb, the dashes of an option, or one of its two spellings.
 */
export function complaintOf(message: string, call: Call): string {
  const text = message.replace(/\s*\n\s*/g, ' ');
  for (const [pattern, inOurWords] of COMPLAINTS) {
    const match = pattern.exec(text);
    if (match) return inOurWords(call, ...match.slice(1));
  }
  return text;
}

/** Unexpected words. Users of `flock` or `sem` write the command without `--`. */
function ofWords({ verb, verbs }: Call, words: string): string {
  if (!verbs.all.includes(verb)) return `unknown verb ${verb}`;
  const isCommand = verbs.withCommand.includes(verb) && verb !== 'completion';
  return isCommand
    ? `a command goes behind --, as in: lockstep ${verb} … -- ${words}`
    : `unexpected ${words.includes(' ') ? 'arguments' : 'argument'}: ${words}`;
}

/** yargs names an option that contains a dash twice: as it was typed, and in camel case. */
function ofOptions(names: readonly string[]): string {
  const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const twins = new Set(names.filter((name) => name.includes('-')).map(camel));
  const typed = names.filter((name) => !twins.has(name)).map(dashed);
  return `unknown ${typed.length === 1 ? 'option' : 'options'} ${typed.join(', ')}`;
}
