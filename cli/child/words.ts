import type { WordArguments } from '../args/options.ts';
import { UsageError } from '../output/exit.ts';

export interface CommandArguments extends WordArguments {
  /** The text of `-c`. */
  command?: string | undefined;
}

/** The words of the command to run: those behind `--`, or a shell for the text of `-c`. @throws {UsageError} */
export function wordsOf({ words, command }: CommandArguments, verb: string): readonly string[] {
  if (command !== undefined) {
    if (words?.length) throw new UsageError('-c and a command behind -- exclude each other');
    return ['/bin/sh', '-c', command];
  }
  if (!words?.length) throw new UsageError(`missing command behind --: lockstep ${verb} NAME -- CMD [ARG…]`);
  return words;
}
