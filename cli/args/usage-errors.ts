import { dashed } from './definition.ts';

/** The verbs there are, and those of them that run a command. */
export interface Verbs {
  all: readonly string[];
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
  [/^Did you mean (.+)\?$/s, ({ verb }, meant) => `there is no verb ${verb}: did you mean ${meant}?`],
  [/^Unknown arguments?: (.+)$/s, (_, names = '') => `there is no option ${ofOptions(names.split(', '))}`],
  [/^Not enough arguments following: (.+)$/s, (_, name = '') => `${dashed(name)} needs a value`],
  [
    /^Invalid values: Argument: (.+?), Given: (.*?), Choices: (.*)$/s,
    (_, name, given, choices) => `${name} cannot be ${given}, only ${choices}`,
  ],
];

/** What yargs finds wrong with a call, in words that say what to do. Whatever else it says stays as it is. */
export function complaintOf(message: string, call: Call): string {
  const text = message.replace(/\s*\n\s*/g, ' ');
  for (const [pattern, inOurWords] of COMPLAINTS) {
    const match = pattern.exec(text);
    if (match) return inOurWords(call, ...match.slice(1));
  }
  return text;
}

/** Words that nobody expects. Who comes from `flock` or `sem` writes the command right behind the name. */
function ofWords({ verb, verbs }: Call, words: string): string {
  if (!verbs.all.includes(verb)) return `there is no verb ${verb}`;
  const isCommand = verbs.withCommand.includes(verb) && verb !== 'completion';
  return isCommand
    ? `a command goes behind --, as in: lockstep ${verb} … -- ${words}`
    : `there is a word too many: ${words}`;
}

/** yargs names an option with a dash twice: as it was written, and in camel case. */
function ofOptions(names: readonly string[]): string {
  const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const twins = new Set(names.filter((name) => name.includes('-')).map(camel));
  return names
    .filter((name) => !twins.has(name))
    .map(dashed)
    .join(', ');
}
