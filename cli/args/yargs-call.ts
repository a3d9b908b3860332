// First: yargs needs a working directory when it is loaded.
import '../startup/deleted-cwd.ts';
import yargs, { type Argv } from 'yargs';
import { UsageError } from '../output/exit.ts';
import { lift } from '../startup/deleted-cwd.ts';
import type { Words } from './argv.ts';
import type { VerbDefinition } from './definition.ts';
import { helpWidth, programHelp, verbHelp } from './help-text.ts';
import type { Program } from './program.ts';
import { typedWords } from './typed-words.ts';
import { complaintOf, unknownVerb } from './usage-errors.ts';
import { type Called, calledIn, verbIn } from './verbs.ts';
import { takesCommand } from './with-command.ts';

/**
 * Has yargs read a call, and call the verb: for help, for mistakes, and for all that `plainCall` leaves open.
 *
 * @throws {UsageError} (rejects)
 * @throws the verb's errors (rejects)
 */
export async function callByYargs(given: Words, program: Program): Promise<void> {
  const verbs = program.commands.map(verbIn);
  const words = helpAsked(given, verbs);
  const called = calledIn(words.own, program.commands);
  const { at, verb, definition } = called;
  const after = words.own.slice(at + 1);
  // Not `help`: yargs would take a resource that is called so for a request for help. The space keeps it in the text alone.
  const [help, shown] = isTaken('h', definition) ? ['help', {}] : ['h', { h: 'help ' }];
  const own = [
    ...words.own.slice(0, at + 1),
    ...(definition ? typedWords({ ...words, own: after }, definition, takesCommand(verb)) : after),
  ].map((word) => (word === '--help' && help === 'h' ? '-h' : word));
  const parser = parserOf(own, called, program).help(help).alias(shown);
  useOwnHelp(parser, called, program);
  lift();
  await parser.parseAsync(own, { words: words.command, program });
}

/** Rewrites `help VERB` as `VERB --help`. @throws {UsageError} for an unknown verb */
function helpAsked({ own, command }: Words, verbs: readonly string[]): Words {
  const [help, verb, ...more] = own;
  if (help !== 'help' || more.length > 0 || verb?.startsWith('-') || command !== null) return { own, command };
  if (verb !== undefined && !verbs.includes(verb)) throw new UsageError(unknownVerb(verb, verbs));
  return { own: verb === undefined ? ['--help'] : [verb, '--help'], command };
}

function parserOf(own: readonly string[], { verb, definition }: Called, program: Program): Argv {
  const { commands, withCommand, pack } = program;
  const verbs = commands.map(verbIn);
  return program
    .describe(yargs(own).scriptName('lockstep'))
    .locale('en')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false, 'parse-numbers': false })
    .command([...commands])
    .check((values) => checkWords(values, withCommand))
    .demandCommand(1, `missing verb: ${verbs.slice(0, -1).join(', ')} or ${verbs.at(-1)}`)
    .strictCommands()
    .strictOptions()
    .version(pack.version)
    .alias(isTaken('V', definition) ? {} : { version: 'V' })
    .exitProcess(false)
    .fail((message, error) => {
      // A YError, also one from an option's `coerce`, is the user's mistake.
      if (error && error.name !== 'YError') throw error;
      throw new UsageError(complaintOf(message, { verb, definition, verbs: { all: verbs, withCommand } }));
    });
}

/** Whether a verb has a meaning of its own for a letter. */
function isTaken(letter: string, definition: VerbDefinition | null): boolean {
  const options = definition?.options.filter(({ name }) => name !== 'help' && name !== 'version') ?? [];
  return options.some(({ name, aliases }) => name === letter || aliases.includes(letter));
}

/** Refuses words behind `--` for a verb that would ignore them: the user may mean something else. */
function checkWords(
  { _: [verb = ''], words }: { _: Array<string | number>; words?: unknown },
  withCommand: readonly string[],
): true {
  if (!words || verb === '' || withCommand.includes(String(verb))) return true;
  throw new UsageError(`${verb} takes no command: omit -- and the words behind it`);
}

/**
 * Has yargs print our own help, wherever it is asked for. yargs has no option for that; a later yargs without this method prints
 * its own, as it would without us.
 *
 * It also renders a command's whole help text after each run, for a handler that asks for it later. None of ours does, and it
 * costs every start 7 ms.
 */
function useOwnHelp(parser: unknown, { definition }: Called, program: Program): void {
  const { getInternalMethods } = parser as { getInternalMethods?: () => { getUsageInstance?: () => object } };
  const width = helpWidth(process.stdout);
  const help = () => (definition ? verbHelp(definition, width) : programHelp(program, width));
  Object.assign(getInternalMethods?.call(parser).getUsageInstance?.() ?? {}, {
    help,
    cacheHelpMessage: () => undefined,
  });
}
