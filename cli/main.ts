#!/usr/bin/env node
// First: yargs needs a working directory when it is loaded.
import './startup/deleted-cwd.ts';
// Before any file is opened.
import './startup/inheritance.ts';
import yargs from 'yargs';
import pack from '../package.json' with { type: 'json' };
import { splitWords } from './args/argv.ts';
import { describeProgram, type Program } from './args/program.ts';
import { complaintOf } from './args/usage-errors.ts';
import { handleOwnSignals } from './child/signals.ts';
import { COMMANDS, VERBS, WITH_COMMAND } from './commands/index.ts';
import { EXIT, report, UsageError } from './output/exit.ts';
import { checkedOutput, flush } from './output/stdout.ts';
import { lift } from './startup/deleted-cwd.ts';

const PROGRAM: Program = { describe: describeProgram, commands: COMMANDS, withCommand: WITH_COMMAND, pack };

async function main(): Promise<void> {
  const { own, command } = splitWords(process.argv.slice(2));
  const parser = describeProgram(yargs(own).scriptName('lockstep'))
    .locale('en')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false, 'parse-numbers': false })
    .command(COMMANDS)
    .check(checkWords)
    .demandCommand(1, `missing verb: ${VERBS.slice(0, -1).join(', ')} or ${VERBS.at(-1)}`)
    .strictCommands()
    .strictOptions()
    .recommendCommands()
    .version(pack.version)
    .help()
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error) => {
      // A YError, also one from an option's `coerce`, is the user's mistake.
      if (error && error.name !== 'YError') throw error;
      throw new UsageError(
        complaintOf(message, { verb: process.argv[2] ?? '', verbs: { all: VERBS, withCommand: WITH_COMMAND } }),
      );
    });
  skipHelpCache(parser);
  lift();
  await parser.parseAsync(own, { words: command, program: PROGRAM });
}

/** Reports an error on stderr. @returns the exit code */
function reported(error: unknown): number {
  const verb = process.argv[2] ?? '';
  return report(error, VERBS.includes(verb) ? verb : '');
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
