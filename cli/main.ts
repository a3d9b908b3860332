#!/usr/bin/env node
// First: yargs needs a working directory when it is loaded.
import './startup/deleted-cwd.ts';
// Before any file is opened.
import './startup/inheritance.ts';
import yargs from 'yargs';
import pack from '../package.json' with { type: 'json' };
import { splitWords, type Words } from './args/argv.ts';
import { type VerbDefinition, verbOf } from './args/definition.ts';
import { describeProgram, type Program } from './args/program.ts';
import { typedWords } from './args/typed-words.ts';
import { complaintOf, unknownVerb } from './args/usage-errors.ts';
import { handleOwnSignals } from './child/signals.ts';
import { COMMANDS, VERBS, verbIn, WITH_COMMAND } from './commands/index.ts';
import { EXIT, report, UsageError } from './output/exit.ts';
import { checkedOutput, flush, tolerateStderr } from './output/stdout.ts';
import { lift } from './startup/deleted-cwd.ts';

const PROGRAM: Program = { describe: describeProgram, commands: COMMANDS, withCommand: WITH_COMMAND, pack };

async function main(): Promise<void> {
  const words = helpAsked(splitWords(process.argv.slice(2)));
  const { at, verb, definition } = calledIn(words.own);
  const after = words.own.slice(at + 1);
  // Not `help`: yargs would take a resource that is called so for a request for help. The space keeps it in the text alone.
  const [help, shown] = isTaken('h', definition) ? ['help', {}] : ['h', { h: 'help ' }];
  const own = [
    ...words.own.slice(0, at + 1),
    ...(definition ? typedWords({ ...words, own: after }, definition, takesCommand(verb)) : after),
  ].map((word) => (word === '--help' && help === 'h' ? '-h' : word));
  const parser = describeProgram(yargs(own).scriptName('lockstep'))
    .locale('en')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false, 'parse-numbers': false })
    .command(COMMANDS)
    .check(checkWords)
    .demandCommand(1, `missing verb: ${VERBS.slice(0, -1).join(', ')} or ${VERBS.at(-1)}`)
    .strictCommands()
    .strictOptions()
    .version(pack.version)
    .alias(isTaken('V', definition) ? {} : { version: 'V' })
    .help(help)
    .alias(shown)
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error) => {
      // A YError, also one from an option's `coerce`, is the user's mistake.
      if (error && error.name !== 'YError') throw error;
      throw new UsageError(
        complaintOf(message, { verb, definition, verbs: { all: VERBS, withCommand: WITH_COMMAND } }),
      );
    });
  skipHelpCache(parser);
  lift();
  await parser.parseAsync(own, { words: words.command, program: PROGRAM });
}

/** Whether a verb has a meaning of its own for a letter. */
function isTaken(letter: string, definition: VerbDefinition | null): boolean {
  const options = definition?.options.filter(({ name }) => name !== 'help' && name !== 'version') ?? [];
  return options.some(({ name, aliases }) => name === letter || aliases.includes(letter));
}

interface Called {
  /** Where the verb is among the words. */
  at: number;
  /** As it was typed. */
  verb: string;
  /** Null if there is no such verb. */
  definition: VerbDefinition | null;
}

/** The verb is the first word; behind options that stand before it, the first word that is one. */
function calledIn(own: readonly string[]): Called {
  const at = own[0]?.startsWith('-') ? own.findIndex((word) => VERBS.includes(word)) : 0;
  const verb = own[at] ?? '';
  const command = COMMANDS.find((one) => verbIn(one) === verb);
  return { at, verb, definition: command ? verbOf(command) : null };
}

/** Rewrites `help VERB` as `VERB --help`. @throws {UsageError} for an unknown verb */
function helpAsked({ own, command }: Words): Words {
  const [help, verb, ...more] = own;
  if (help !== 'help' || more.length > 0 || verb?.startsWith('-') || command !== null) return { own, command };
  if (verb !== undefined && !VERBS.includes(verb)) throw new UsageError(unknownVerb(verb, VERBS));
  return { own: verb === undefined ? ['--help'] : [verb, '--help'], command };
}

/** Whether users may mean a command by words that the verb does not take. */
function takesCommand(verb: string): boolean {
  return WITH_COMMAND.includes(verb) && verb !== 'completion';
}

/** Reports an error on stderr. @returns the exit code */
function reported(error: unknown): number {
  const { verb, definition } = calledIn(splitWords(process.argv.slice(2)).own);
  // Of `help nosuch` the general help is the one to see.
  return report(error, definition && verb !== 'help' ? verb : '', definition?.synopsis ?? '');
}

/** Refuses words behind `--` for a verb that would ignore them: the user may mean something else. */
function checkWords({ _: [verb = ''], words }: { _: Array<string | number>; words?: unknown }): true {
  if (!words || verb === '' || WITH_COMMAND.includes(String(verb))) return true;
  throw new UsageError(`${verb} takes no command: omit -- and the words behind it`);
}

/**
 * yargs renders a command's whole help text after each run, for a handler that asks for it later. None of ours does, and
 * it costs every start 7 ms. yargs has no option against it; a later yargs without this method renders as before.
 */
function skipHelpCache(parser: unknown): void {
  const { getInternalMethods } = parser as { getInternalMethods?: () => { getUsageInstance?: () => object } };
  Object.assign(getInternalMethods?.call(parser).getUsageInstance?.() ?? {}, { cacheHelpMessage: () => undefined });
}

async function run(): Promise<void> {
  tolerateStderr();
  const codeOf = checkedOutput();
  try {
    await main();
  } catch (error) {
    process.exitCode = reported(error);
  }
  // Output that exceeds a pipe's buffer is still being written.
  await flush(process.stdout);
  await flush(process.stderr);
  process.exit(await codeOf(Number(process.exitCode ?? EXIT.ok)));
}

handleOwnSignals();
// An error from a callback is reported in the same way: Node would print it unescaped.
process.on('uncaughtException', (error) => process.exit(reported(error)));
// Nothing is left that could end the verb: Node would exit with 0, as if it had been done.
process.on('beforeExit', () => process.exit(reported(new Error('it waits for nothing'))));
void run();
