import { VERBS, WITH_COMMAND } from '../commands/index.ts';
import { dashed } from './definition.ts';

type InOurWords = (verb: string, ...found: string[]) => string;

const COMPLAINTS: ReadonlyArray<[RegExp, InOurWords]> = [
  [/^Unknown commands?: (.+)$/s, (verb, words = '') => ofWords(verb, words.replaceAll(', ', ' '))],
  [/^Did you mean (.+)\?$/s, (verb, meant) => `there is no verb ${verb}: did you mean ${meant}?`],
  [/^Unknown arguments?: (.+)$/s, (_, names = '') => `there is no option ${ofOptions(names.split(', '))}`],
  [/^Not enough arguments following: (.+)$/s, (_, name = '') => `${dashed(name)} needs a value`],
  [
    /^Invalid values: Argument: (.+?), Given: (.*?), Choices: (.*)$/s,
    (_, name, given, choices) => `${name} cannot be ${given}, only ${choices}`,
  ],
];

/** What yargs finds wrong with a call, in words that say what to do. Whatever else it says stays as it is. */
export function complaintOf(message: string, verb: string): string {
  const text = message.replace(/\s*\n\s*/g, ' ');
  for (const [pattern, inOurWords] of COMPLAINTS) {
    const match = pattern.exec(text);
    if (match) return inOurWords(verb, ...match.slice(1));
  }
  return text;
}

/** Words that nobody expects. Who comes from `flock` or `sem` writes the command right behind the name. */
function ofWords(verb: string, words: string): string {
  if (!VERBS.includes(verb)) return `there is no verb ${verb}`;
  const isCommand = WITH_COMMAND.includes(verb) && verb !== 'completion';
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
