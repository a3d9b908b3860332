import { parseDuration } from './duration.ts';
import { UsageError } from './failure.ts';
import type { PatienceArguments } from './options.ts';

/** How long the command line is willing to wait, in ms. @throws {UsageError} */
export function patienceOf({ nonblock, wait, conflictExitCode: code }: PatienceArguments): number {
  if (!Number.isInteger(code) || code < 0 || code > 255)
    throw new UsageError(`--conflict-exit-code must be a whole number from 0 to 255, not ${code}`);
  if (nonblock && wait !== undefined) throw new UsageError('--nonblock and --wait exclude each other');
  if (nonblock) return 0;
  return wait === undefined ? Number.POSITIVE_INFINITY : parseDuration(wait, '--wait');
}
