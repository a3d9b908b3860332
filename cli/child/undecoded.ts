import { type Undecoded, undecoded } from '../../lib/internal.ts';
import { UsageError } from '../output/exit.ts';
import { inheritance } from '../startup/inheritance.ts';

/** A longer command would make the shell's script, which names each word, too long for one argument. */
const MAX_WORDS = 5_000;
const REMEDY = 'Node would change its bytes, and the command might touch another file.';

/**
 * The parts of a command that stands behind `--`, and of the environment, that are not UTF-8: they are handed on as the kernel has them.
 *
 * @throws {UsageError} where that cannot be done
 */
export function undecodedIn(command: readonly string[]): Undecoded | undefined {
  const found = undecoded();
  const [lost] = inheritance.lost;
  if (lost !== undefined) throw new UsageError(`the environment variable ${lost} is not UTF-8. ${REMEDY}`);
  if (found.words.size + found.variables.size === 0) return undefined;
  const isOurTail = process.argv.slice(-command.length).every((word, at) => word === command[at]);
  for (const back of found.words.keys())
    if (!isOurTail || back >= command.length)
      throw new UsageError(`an argument of lockstep itself is not UTF-8. ${REMEDY}`);
  for (const name of found.variables.keys())
    if (name.includes('\ufffd') || name.startsWith('LOCKSTEP_'))
      throw new UsageError(`the environment variable ${name} is not UTF-8. ${REMEDY}`);
  if (command.length > MAX_WORDS)
    throw new UsageError(`something in a command of more than ${MAX_WORDS} words is not UTF-8. ${REMEDY}`);
  return found;
}
