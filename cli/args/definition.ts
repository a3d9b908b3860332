import type { Argv, CommandModule } from 'yargs';

/**
 * The command line as data, for the manual, the completions and the usage errors: read from the same builders that yargs
 * runs, so that nothing is written twice.
 *
 * A builder calls `option`, `example`, … on what it is given. Here it is given a proxy that records these calls. yargs'
 * own API gives less: `getOptions()` and the internal usage object have options, descriptions and usage, but no
 * examples, mix positionals with options, and need a parser for each verb. yargs' own completion knows no
 * fish, no names and no words behind `--`.
 */

export interface OptionDefinition {
  /** Without dashes, as are the aliases. */
  name: string;
  aliases: string[];
  describe: string;
  /** False for a switch. */
  takesValue: boolean;
  /** Whether its value is a number. */
  isNumber: boolean;
  /** The value that it has without one; null if it needs one. */
  implied: string | null;
  /** Whether it may be given several times. */
  isList: boolean;
  choices: string[];
  /** As help shows it; null if there is none, or if it is a switch that is off. */
  default: string | null;
  /** The value that it has if it is not given. */
  preset: unknown;
}

export interface PositionalDefinition {
  name: string;
  describe: string;
  /** Whether there may be any number of them. */
  isList: boolean;
  /** Whether there is no call without it. */
  isNeeded: boolean;
  choices: string[];
}

export interface Definition {
  /** The usage's first line. */
  synopsis: string;
  /** The usage's other paragraphs. */
  text: string;
  options: OptionDefinition[];
  examples: Array<{ line: string; describe: string }>;
  /** The text at the end; empty if there is none. */
  epilogue: string;
}

/** Refuses values that exclude each other, or of which one is needed: by what it throws. */
type Check = (values: Record<string, unknown>) => unknown;

export interface VerbDefinition extends Definition {
  verb: string;
  /** Its purpose, in one line. */
  purpose: string;
  positionals: PositionalDefinition[];
  checks: Check[];
}

/** A builder's description of an option or a positional. */
interface Described {
  type?: string;
  alias?: string | readonly string[];
  describe?: string;
  default?: unknown;
  defaultDescription?: string;
  choices?: readonly unknown[];
  array?: boolean;
  implied?: string;
}

type Named = readonly [name: string, described: Described];
type Example = readonly [line: string, describe: string];
/** Returns the arguments of each call of a method. */
type Calls = <Args extends readonly unknown[]>(method: string) => Args[];

const BUILT_IN: Named[] = [
  ['help', { type: 'boolean', alias: 'h', describe: 'Show help' }],
  ['version', { type: 'boolean', alias: 'V', describe: 'Show version number' }],
];

/** Reads the definition that a builder makes. */
export function definitionOf(build: (argv: Argv) => unknown): Definition {
  return definitionIn(callsOf(build));
}

/** Reads a verb's definition. */
export function verbOf({ command, describe, builder }: CommandModule): VerbDefinition {
  const [verb = '', ...places] = String(command).split(' ');
  const argsOf = callsOf((argv) => typeof builder === 'function' && builder(argv));
  const described = Object.fromEntries(argsOf<Named>('positional'));
  return {
    verb,
    purpose: String(describe ?? ''),
    ...definitionIn(argsOf),
    positionals: places.map((place) => positionalOf(place, described)),
    checks: argsOf<[Check]>('check').map(([check]) => check),
  };
}

/** Runs a builder on a proxy that records its calls. */
function callsOf(build: (argv: Argv) => unknown): Calls {
  const calls: Array<{ method: string | symbol; args: unknown[] }> = [];
  const recorder: object = new Proxy(
    {},
    {
      get:
        (_, method) =>
        (...args: unknown[]) => {
          calls.push({ method, args });
          return recorder;
        },
    },
  );
  build(recorder as Argv);
  return <Args>(method: string) => calls.filter((call) => call.method === method).map(({ args }) => args as Args);
}

function definitionIn(argsOf: Calls): Definition {
  const [usage = ''] = argsOf<[string]>('usage')[0] ?? [];
  const [synopsis = '', ...text] = named(usage).split('\n\n');
  const own = argsOf<Named>('option').map(([name, described]) => optionOf(name, described));
  const taken = own.flatMap(({ name, aliases }) => [name, ...aliases]);
  const builtIn = BUILT_IN.map(([name, described]) => optionOf(name, described)).map((option) => {
    // A verb may have another meaning for the letter.
    return { ...option, aliases: option.aliases.filter((alias) => !taken.includes(alias)) };
  });
  const examples = argsOf<Example | [Example[]]>('example').flatMap((args) => (args.length === 1 ? args[0] : [args]));
  return {
    synopsis,
    text: text.join('\n\n'),
    options: [...own, ...builtIn],
    epilogue: argsOf<[string]>('epilogue')[0]?.[0] ?? '',
    examples: examples.map(([line, describe]) => ({ line: named(line), describe })),
  };
}

/** The command, such as `break [name]` or `monitor [names..]`, has the positionals and their order. */
function positionalOf(place: string, described: Record<string, Described>): PositionalDefinition {
  const name = place.replace(/[<>[\].]/g, '');
  const { describe = '', choices = [] } = described[name] ?? {};
  const [isList, isNeeded] = [place.includes('..'), place.startsWith('<')];
  return { name, describe, isList, isNeeded, choices: choices.map(String) };
}

function optionOf(name: string, described: Described): OptionDefinition {
  const { type, alias = [], describe = '', choices = [] } = described;
  return {
    name,
    aliases: [alias].flat() as string[],
    describe,
    takesValue: type !== 'boolean',
    isNumber: type === 'number',
    implied: described.implied ?? null,
    isList: described.array === true,
    choices: choices.map(String),
    default: described.defaultDescription ?? defaultText(described.default),
    preset: described.default,
  };
}

function named(text: string): string {
  return text.replaceAll('$0', 'lockstep');
}

/** A switch is off by default; that needs no words. */
function defaultText(value: unknown): string | null {
  return value === undefined || value === false ? null : String(value);
}

/** An option as it is typed: `-w`, `--wait`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
