#!/usr/bin/env node
// First: yargs cannot be loaded without a working directory.
import './startup/deleted-cwd.ts';
import yargs from 'yargs';
import pack from '../package.json' with { type: 'json' };
import { splitWords } from './args/argv.ts';
import { describeProgram, type Program } from './args/program.ts';
import { complaintOf } from './args/usage-errors.ts';
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
    .demandCommand(1, `say what to do: ${VERBS.slice(0, -1).join(', ')} or ${VERBS.at(-1)}`)
    .strictCommands()
    .strictOptions()
    .recommendCommands()
    .version(pack.version)
    .help()
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error) => {
      // Whatever yargs finds wrong, also by way of an option's `coerce`, is the caller's to mend.
      if (error && error.name !== 'YError') throw error;
      throw new UsageError(
        complaintOf(message, { verb: process.argv[2] ?? '', verbs: { all: VERBS, withCommand: WITH_COMMAND } }),
      );
    });
  skipHelpCache(parser);
  lift();
  await parser.parseAsync(own, { words: command, program: PROGRAM });
}

/** @returns the exit code */
function told(error: unknown): number {
  const verb = process.argv[2] ?? '';
  return report(error, VERBS.includes(verb) ? verb : '');
}

/** Words behind `--` that nobody would read are told of, not passed over: the call may mean something else. */
function checkWords({ _: [verb = ''], words }: { _: Array<string | number>; words?: unknown }): true {
  if (!words || verb === '' || WITH_COMMAND.includes(String(verb))) return true;
  throw new UsageError(`${verb} takes no command: leave out -- and what is behind it`);
}

/**
 * yargs renders a command's whole help text each time the command runs, in case it should fail later. Ours
 * never asks for it, and it would cost every start 7 ms. Where a later yargs has no such method, nothing changes.
 */
function skipHelpCache(parser: unknown): void {
  const { getInternalMethods } = parser as { getInternalMethods?: () => { getUsageInstance?: () => object } };
  Object.assign(getInternalMethods?.call(parser).getUsageInstance?.() ?? {}, { cacheHelpMessage: () => undefined });
}

// What a callback throws is told in the same words: Node would print it as it is, with whatever a file or a name put into it.
process.on('uncaughtException', (error) => process.exit(told(error)));
const codeOf = checkedOutput();
try {
  await main();
} catch (error) {
  process.exitCode = told(error);
}
// More than a pipe holds is still on its way.
await flush(process.stdout);
await flush(process.stderr);
process.exit(await codeOf(Number(process.exitCode ?? EXIT.ok)));
