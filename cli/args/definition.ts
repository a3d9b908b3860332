import type { Argv, CommandModule } from 'yargs';

/**
 * What the command line is made of, as data: read from the same definitions that yargs parses by, so that nothing has
 * to be said twice. A definition is a function that calls `option`, `positional`, … on what it is given; here it is
 * given something that takes notes.
 */

export interface OptionDefinition {
  /** Without its dashes, as are the aliases. */
  name: string;
  aliases: string[];
  describe: string;
  /** Whether it has a value: all do but switches. */
  takesValue: boolean;
  /** Whether it may be given again and again. */
  isList: boolean;
  choices: string[];
  /** As help shows it; null if there is none worth showing. */
  default: string | null;
}

export interface PositionalDefinition {
  name: string;
  describe: string;
  required: boolean;
  /** Whether there may be any number of them. */
  isList: boolean;
  choices: string[];
}

export interface Definition {
  /** What to type: the usage's first line. */
  synopsis: string;
  /** The usage's other paragraphs. */
  text: string;
  positionals: PositionalDefinition[];
  options: OptionDefinition[];
  examples: Array<{ line: string; describe: string }>;
  epilogue: string;
}

export interface VerbDefinition extends Definition {
  verb: string;
  /** What it is for, in a line. */
  purpose: string;
}

/** How yargs' definitions describe an option. */
interface Described {
  type?: string;
  alias?: string | readonly string[];
  describe?: string;
  default?: unknown;
  defaultDescription?: string;
  choices?: readonly unknown[];
  array?: boolean;
  boolean?: boolean;
  hidden?: boolean;
}

const BUILT_IN: OptionDefinition[] = [
  { name: 'help', describe: 'Show help' },
  { name: 'version', describe: 'Show version number' },
].map((one) => ({ ...one, aliases: [], takesValue: false, isList: false, choices: [], default: null }));

/** The definition that a builder makes. */
export function definitionOf(build: (argv: Argv) => unknown, program = 'lockstep'): Definition {
  const notes = new Notes(program);
  build(notes.argv);
  const { definition } = notes;
  return { ...definition, options: [...definition.options, ...BUILT_IN] };
}

export function verbOf({ command, describe, builder }: CommandModule): VerbDefinition {
  const [verb = '', ...places] = String(command).split(' ');
  const build = typeof builder === 'function' ? builder : () => undefined;
  const definition = definitionOf((argv) => build(argv as never));
  return {
    verb,
    purpose: String(describe ?? ''),
    ...definition,
    positionals: places.map((place) => positionalOf(place, definition.positionals)),
  };
}

/** Which there are, and in which order, stands in the command: `break [name]`, `monitor [names..]`. */
function positionalOf(place: string, described: readonly PositionalDefinition[]): PositionalDefinition {
  const name = place.replace(/[<>[\].]/g, '');
  const known = described.find((one) => one.name === name);
  return {
    name,
    describe: known?.describe ?? '',
    required: place.startsWith('<'),
    isList: place.includes('..'),
    choices: known?.choices ?? [],
  };
}

class Notes {
  readonly definition: Definition = {
    synopsis: '',
    text: '',
    positionals: [],
    options: [],
    examples: [],
    epilogue: '',
  };
  readonly argv: Argv;
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
    const calls: Record<string, (...args: never[]) => void> = {
      usage: (text: string) => this.#usage(text),
      option: (name: string, described: Described) => this.#option(name, described),
      positional: (name: string, described: Described) => this.#positional(name, described),
      example: (line: string | Array<[string, string]>, describe: string) =>
        this.#examples(Array.isArray(line) ? line : [[line, describe]]),
      epilogue: (text: string) => {
        this.definition.epilogue = text;
      },
    };
    // What else a definition asks of yargs (`coerce`, `parserConfiguration`, …) is about parsing, and shown nowhere.
    const proxy: object = new Proxy(this, {
      get:
        (_, method) =>
        (...args: never[]) => {
          calls[String(method)]?.(...args);
          return proxy;
        },
    });
    this.argv = proxy as Argv;
  }

  #usage(text: string): void {
    const [synopsis = '', ...rest] = this.#named(text).split('\n\n');
    this.definition.synopsis = synopsis;
    this.definition.text = rest.join('\n\n');
  }

  #option(name: string, described: Described): void {
    if (described.hidden) return;
    const { type, alias = [], describe = '', choices = [] } = described;
    this.definition.options.push({
      name,
      aliases: [alias].flat() as string[],
      describe,
      takesValue: type !== 'boolean' && described.boolean !== true,
      isList: type === 'array' || described.array === true,
      choices: choices.map(String),
      default: described.defaultDescription ?? defaultText(described.default),
    });
  }

  #positional(name: string, { describe = '', choices = [] }: Described): void {
    this.definition.positionals.push({ name, describe, required: false, isList: false, choices: choices.map(String) });
  }

  #examples(examples: ReadonlyArray<readonly [string, string]>): void {
    for (const [line, describe] of examples) this.definition.examples.push({ line: this.#named(line), describe });
  }

  #named(text: string): string {
    return text.replaceAll('$0', this.#program);
  }
}

/** That a switch is off if it is not given goes without saying. */
function defaultText(value: unknown): string | null {
  return value === undefined || value === false ? null : String(value);
}

/** An option as it is typed: `-w`, `--wait`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
