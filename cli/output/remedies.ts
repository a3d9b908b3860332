import { LockstepError, StoreError } from '../../lib/index.ts';
import { localTime } from '../text/quantities.ts';
import { inShell } from '../text/shell-word.ts';

/*
 * The library names remedies for a program: an option, a method. These are the same remedies for the command line, by
 * the error's code.
 */

const OTHER_STORE = () => 'On the command line --dir chooses the store.';

/** Of a store: the servers of hot counts are not asked. */
const ASK_SERVERS = (_: string, error: LockstepError) =>
  error instanceof StoreError && /^etcds?:/.test(error.path) ? '`lockstep doctor` asks each server.' : undefined;

const REMEDIES: Readonly<Record<string, (resource: string, error: LockstepError) => string | undefined>> = {
  LOCK_TIMEOUT: (name) => `\`lockstep status ${inShell(name)}\` shows the line.`,
  CONFIG_MISMATCH: (name) =>
    `If it was a mistake: \`lockstep forget ${inShell(name)}\`, while nobody uses it. --resize changes a number of permits.`,
  BARRIER_BROKEN: (name) => `On the command line: \`lockstep barrier ${inShell(name)} --reset\`.`,
  STORE_DENIED: OTHER_STORE,
  STORE_READ_ONLY: OTHER_STORE,
  STORE_NETWORK: OTHER_STORE,
  STORE_UNSAFE: OTHER_STORE,
  HOT_DATA_LOST: (name) => `On the command line: \`lockstep hot ${inShell(name)} --rebuild --back …\`.`,
  LOG_FULL: (name) => `On the command line: \`lockstep hot ${inShell(name)} --flush --back …\`.`,
  UNREACHABLE: ASK_SERVERS,
  UNSURE: ASK_SERVERS,
  FILE_MISSING: (place) => (place.includes('://') ? 'On the command line: --create JSON.' : undefined),
  FILE_OWNER: () => 'On the command line: --allow-new-owner.',
};

/** A moment, as the library's messages have it: a program's log may be read in any time zone. */
const MOMENT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

/**
 * An error's message, with moments as all verbs show them; with the remedy for the command line, if the error is the library's and
 * has one.
 */
export function messageWithRemedy(error: unknown): string {
  const message = (error as Error).message.replace(MOMENT, (moment) => localTime(Date.parse(moment), 'milliseconds'));
  const remedy = error instanceof LockstepError ? REMEDIES[error.code]?.(error.resource ?? '', error) : undefined;
  return remedy === undefined ? message : `${message} ${remedy}`;
}
