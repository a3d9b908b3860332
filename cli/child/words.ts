import type { WordArguments } from '../args/options.ts';
import { Exit, say, UsageError } from '../output/exit.ts';
import { whyNotRun } from './program.ts';
import { undecodedIn } from './undecoded.ts';

export interface CommandArguments extends WordArguments {
  /** The text of `-c`. */
  command?: string | undefined;
}

/** The words of the command to run: those behind `--`, or a shell for the text of `-c`. @throws {UsageError} */
export function wordsOf({ words, command }: CommandArguments, verb: string): readonly string[] {
  if (command !== undefined) {
    if (words?.length) throw new UsageError('-c and a command behind -- exclude each other');
    const shell = ['/bin/sh', '-c', command];
    undecodedIn(shell);
    return shell;
  }
  if (!words?.length) throw new UsageError(`missing command behind --: lockstep ${verb} NAME -- CMD [ARG…]`);
  // Before anything is locked.
  undecodedIn(words);
  return words;
}

/** Refuses a command that cannot be run, before anything is locked. @throws {Exit} 126 or 127, as of a shell */
export function checkRunnable(words: readonly string[], said: (why: string) => string): void {
  const refusal = whyNotRun(words[0] ?? '');
  if (refusal === null) return;
  say(said(refusal.message));
  throw new Exit(refusal.status);
}
