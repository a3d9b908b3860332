// Before any file is opened.
import './startup/inheritance.ts';
import type { CommandModule } from 'yargs';
import { splitWords } from './args/argv.ts';
import { plainCall } from './args/plain-call.ts';
import { type Called, calledIn } from './args/verbs.ts';
import { takesCommand, WITH_COMMAND } from './args/with-command.ts';
import { handleOwnSignals } from './child/signals.ts';
import { EVERYDAY } from './commands/everyday.ts';
import { EXIT, report } from './output/exit.ts';
import { checkedOutput, flushAll, tolerateStderr } from './output/stdout.ts';

const words = splitWords(process.argv.slice(2));
/** The verbs whose definitions are loaded. */
let commands: readonly CommandModule[] = EVERYDAY;

async function main(): Promise<void> {
  const everyday = calledIn(words.own, EVERYDAY);
  const values = valuesOf(everyday);
  if (values) return everyday.command?.handler({ ...values, words: words.command } as never);
  const { PROGRAM } = await import('./commands/index.ts');
  commands = PROGRAM.commands;
  const called = calledIn(words.own, commands);
  const others = valuesOf(called);
  if (others) return called.command?.handler({ ...others, words: words.command, program: PROGRAM } as never);
  const { callByYargs } = await import('./args/yargs-call.ts');
  return callByYargs(words, PROGRAM);
}

/** Null for a call that yargs is to read. */
function valuesOf({ at, verb, definition }: Called) {
  if (!definition || at !== 0 || verb === 'help') return null;
  if (words.command !== null && !WITH_COMMAND.includes(verb)) return null;
  return plainCall({ ...words, own: words.own.slice(1) }, definition, takesCommand(verb));
}

/** Reports an error on stderr. @returns the exit code */
function reported(error: unknown): number {
  const { verb, definition } = calledIn(words.own, commands);
  // Of `help nosuch` the general help is the one to see.
  return report(error, definition && verb !== 'help' ? verb : '', definition?.synopsis ?? '');
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
  await flushAll();
  process.exit(await codeOf(Number(process.exitCode ?? EXIT.ok)));
}

handleOwnSignals();
// An error from a callback is reported in the same way: Node would print it unescaped.
process.on('uncaughtException', (error) => process.exit(reported(error)));
// Nothing is left that could end the verb: Node would exit with 0, as if it had been done.
process.on('beforeExit', () => process.exit(reported(new Error('it waits for nothing'))));
void run();
