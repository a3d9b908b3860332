import { nearestOf } from '../../lib/internal.ts';
import { dashed, type PositionalDefinition, type VerbDefinition } from './definition.ts';

export interface Verbs {
  all: readonly string[];
  /** The verbs that take words behind `--`. */
  withCommand: readonly string[];
}

interface Call {
  /** The verb as it was typed. */
  verb: string;
  verbs: Verbs;
  /** Null if there is no such verb. */
  definition: VerbDefinition | null;
}

type InOurWords = (call: Call, ...found: string[]) => string;

const COMPLAINTS: ReadonlyArray<[RegExp, InOurWords]> = [
  [/^Unknown commands?: (.+)$/s, (call, words = '') => ofWords(call, words.replaceAll(', ', ' '))],
  [/^Unknown arguments?: (.+)$/s, (call, names = '') => ofOptions(call, names.split(', '))],
  [/^Not enough non-option arguments: got (\d+), /, (call, got) => ofMissing(call, Number(got))],
  [/^Not enough arguments following: (.+)$/s, (_, name = '') => `${dashed(name)} needs a value`],
  [
    /^Invalid values: Argument: (.+?), Given: (.*?), Choices: (.*)$/s,
    ({ definition }, name = '', given, choices) =>
      `${typedName(definition, name)} must be one of ${choices}, not ${given}`,
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
  if (!verbs.all.includes(verb)) return unknownVerb(verb, verbs.all);
  const isCommand = verbs.withCommand.includes(verb) && verb !== 'completion';
  return isCommand
    ? `a command goes behind --, as in: lockstep ${verb} … -- ${words}`
    : `unexpected ${words.includes(' ') ? 'arguments' : 'argument'}: ${words}`;
}

export function unknownVerb(verb: string, all: readonly string[]): string {
  return `unknown verb ${verb}${orNearest(verb, all)}`;
}

function orNearest(given: string, words: readonly string[]): string {
  const near = nearestOf(given, words);
  return near === null ? '' : `: did you mean ${near}?`;
}

/** yargs names an option that contains a dash twice: as it was typed, and in camel case. */
function ofOptions({ definition }: Call, names: readonly string[]): string {
  const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const twins = new Set(names.filter((name) => name.includes('-')).map(camel));
  const typed = names.filter((name) => !twins.has(name)).map(dashed);
  const known = definition?.options.flatMap(({ name, aliases }) => [name, ...aliases]) ?? [];
  const near = orNearest(typed[0] ?? '', known.filter((name) => name.length > 1).map(dashed));
  return `unknown ${typed.length === 1 ? 'option' : 'options'} ${typed.join(', ')}${typed.length === 1 ? near : ''}`;
}

/** The words that the verb needs, and that are not there: yargs has taken them for other things, or there were none. */
function ofMissing({ definition }: Call, given: number): string {
  const missing = definition?.positionals.filter(({ isNeeded }) => isNeeded).slice(given) ?? [];
  return `missing ${missing.map(wordOf).join(' and ')}: ${definition?.synopsis.replaceAll('\n', ', or ')}`;
}

/** As it is typed: `--overlap`; of a positional, as the usage has it: `ACTION`. */
function typedName(definition: VerbDefinition | null, name: string): string {
  const isPositional = definition?.positionals.some((one) => one.name === name) === true;
  return isPositional ? name.toUpperCase() : dashed(name);
}

function wordOf({ name, choices }: PositionalDefinition): string {
  return choices.length === 0 ? name.toUpperCase() : `${name.toUpperCase()} (${choices.join(', ')})`;
}
