import {
  dashed,
  definitionOf,
  type OptionDefinition,
  type PositionalDefinition,
  type VerbDefinition,
  verbOf,
} from '../../args/definition.ts';
import type { Program } from '../../args/program.ts';

export interface Candidate {
  value: string;
  describe: string;
}

/** The candidates at the cursor. `before` is the part before it in the same word: `--dir=`. */
export type Expected =
  | { kind: 'words'; words: Candidate[] }
  /** A name in the store, of a kind that `verb` takes. */
  | { kind: 'names'; verb: string; directory: string | undefined }
  | { kind: 'files' | 'directories'; before: string }
  /** Words of another command. */
  | { kind: 'command' }
  | { kind: 'nothing' };

/** The options and arguments that are paths. */
const PATHS: Record<string, 'files' | 'directories'> = {
  dir: 'directories',
  file: 'files',
  log: 'files',
  flock: 'files',
  output: 'files',
  o: 'files',
};
const NOTHING: Expected = { kind: 'nothing' };

/** @param words the words behind `lockstep`; the last one is being typed */
export function expectedAt({ describe, commands, withCommand }: Program, words: readonly string[]): Expected {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const at = before.findIndex((word) => !word.startsWith('-'));
  const cut = before.indexOf('--');
  if (cut !== -1 && (at === -1 || cut < at)) return NOTHING;
  if (at === -1) {
    if (current.startsWith('-')) return optionsOf(definitionOf(describe).options, before);
    return {
      kind: 'words',
      words: commands.map(verbOf).map(({ verb, purpose }) => ({ value: verb, describe: purpose })),
    };
  }
  const command = commands.find((one) => String(one.command).split(' ', 1)[0] === before[at]);
  if (!command) return NOTHING;
  const isWithCommand = withCommand.includes(before[at] as string);
  if (cut !== -1) return isWithCommand ? { kind: 'command' } : NOTHING;
  return new Place(verbOf(command), before.slice(at + 1), isWithCommand).expected(current);
}

function optionsOf(options: readonly OptionDefinition[], given: readonly string[]): Expected {
  const isGiven = (spellings: readonly string[]) =>
    spellings.some((one) => given.some((word) => word.split('=', 1)[0] === one));
  const free = options.filter((option) => option.isList || !isGiven(spellingsOf(option)));
  return {
    kind: 'words',
    words: free.flatMap((option) => spellingsOf(option).map((value) => ({ value, describe: option.describe }))),
  };
}

function spellingsOf({ name, aliases }: OptionDefinition): string[] {
  return [name, ...aliases].map(dashed);
}

/** The cursor's place among the words of a verb. */
class Place {
  readonly #verb: VerbDefinition;
  readonly #isWithCommand: boolean;
  readonly #given: readonly string[];
  /** The option whose value the next word is. */
  #open: OptionDefinition | null = null;
  #arguments = 0;
  #directory: string | undefined;

  constructor(verb: VerbDefinition, given: readonly string[], isWithCommand: boolean) {
    this.#verb = verb;
    this.#given = given;
    this.#isWithCommand = isWithCommand;
    for (const word of given) this.#pass(word);
  }

  expected(current: string): Expected {
    if (this.#open) return this.#valueOf(this.#open, '');
    const [spelling = '', value] = current.split('=', 2);
    const option = value === undefined ? null : this.#optionAt(spelling);
    if (option) return this.#valueOf(option, `${spelling}=`);
    if (current.startsWith('-')) return optionsOf(this.#verb.options, this.#given);
    const { positionals } = this.#verb;
    const last = positionals.at(-1);
    const positional = positionals[this.#arguments] ?? (last?.isList ? last : undefined);
    if (positional) return this.#argument(positional);
    return this.#isWithCommand ? { kind: 'words', words: [{ value: '--', describe: 'then the command' }] } : NOTHING;
  }

  #pass(word: string): void {
    if (this.#open) {
      this.#valueIs(this.#open, word);
      this.#open = null;
    } else if (word.startsWith('-') && word !== '-') {
      const [spelling = '', value] = word.split('=', 2);
      const option = this.#optionAt(spelling);
      if (option && value !== undefined) this.#valueIs(option, value);
      else if (option?.takesValue) this.#open = option;
    } else this.#arguments += 1;
  }

  #valueIs({ name }: OptionDefinition, value: string): void {
    if (name === 'dir') this.#directory = value;
  }

  /** In combined short options, as in `-nw`, the last one takes the value. */
  #optionAt(spelling: string): OptionDefinition | null {
    const isShort = /^-[^-]/.test(spelling);
    const name = isShort ? spelling.slice(-1) : spelling.slice(2);
    return this.#verb.options.find((one) => [one.name, ...one.aliases].includes(name)) ?? null;
  }

  #valueOf({ name, aliases, choices }: OptionDefinition, before: string): Expected {
    if (choices.length > 0) return choice(choices, before);
    const path = [name, ...aliases].map((one) => PATHS[one]).find(Boolean);
    return path ? { kind: path, before } : NOTHING;
  }

  #argument({ name, choices }: PositionalDefinition): Expected {
    if (choices.length > 0) return choice(choices, '');
    const path = PATHS[name];
    if (path) return { kind: path, before: '' };
    const isName = name === 'name' || name === 'names';
    return isName ? { kind: 'names', verb: this.#verb.verb, directory: this.#directory } : NOTHING;
  }
}

function choice(choices: readonly string[], before: string): Expected {
  return { kind: 'words', words: choices.map((value) => ({ value: `${before}${value}`, describe: '' })) };
}
