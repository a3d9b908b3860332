import { LockstepError } from '../../lib/index.ts';
import { inShell } from '../text/shell-word.ts';

/*
 * The library names remedies for a program: an option, a method. These are the same remedies for the command line, by
 * the error's code.
 */

const OTHER_STORE = () => 'On the command line --dir chooses the store.';

const REMEDIES: Readonly<Record<string, (resource: string) => string>> = {
  LOCK_TIMEOUT: (name) => `\`lockstep status ${inShell(name)}\` shows the line.`,
  CONFIG_MISMATCH: (name) =>
    `If it was a mistake: \`lockstep forget ${inShell(name)}\`, while nobody uses it. --resize changes a number of permits.`,
  BARRIER_BROKEN: (name) => `On the command line: \`lockstep barrier ${inShell(name)} --reset\`.`,
  STORE_DENIED: OTHER_STORE,
  STORE_READ_ONLY: OTHER_STORE,
  STORE_NETWORK: OTHER_STORE,
  STORE_UNSAFE: OTHER_STORE,
  FILE_OWNER: () => 'On the command line: --allow-new-owner.',
};

/** An error's message; with the remedy for the command line, if the error is the library's and has one. */
export function messageWithRemedy(error: unknown): string {
  const { message } = error as Error;
  const remedy = error instanceof LockstepError ? REMEDIES[error.code]?.(error.resource ?? '') : undefined;
  return remedy === undefined ? message : `${message} ${remedy}`;
}
