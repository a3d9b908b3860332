import { constants } from 'node:os';
import type { ProcessExit } from '../../lib/internal.ts';
import { UsageError } from '../output/exit.ts';

/** A shell adds this to the number of the signal that ended a command. */
export const SIGNAL_BASE = 128;
/** The statuses with which a shell reports that it could not run a command, or did not find it. */
export const CANNOT_RUN = 126;
export const NOT_FOUND = 127;

/** The status that a shell would give: the exit code, or 128 + the signal's number. */
export function statusOf({ code, signal }: ProcessExit): number {
  return code ?? statusOfSignal(signal);
}

/** The signal with this name or number: `TERM`, `SIGTERM`, `15`. @throws {UsageError} */
export function signalOf(given: string): NodeJS.Signals {
  const wanted = given.toUpperCase();
  for (const [name, number] of Object.entries(constants.signals))
    if ([name, name.slice(3), String(number)].includes(wanted)) return name as NodeJS.Signals;
  throw new UsageError(`--signal takes the name or the number of a signal, such as INT, SIGINT or 2, not '${given}'`);
}

export function statusOfSignal(signal: NodeJS.Signals | null): number {
  return SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]);
}
