import {
  ConfigMismatchError,
  DeadlockError,
  LeaseLostError,
  LockstepError,
  LockTimeoutError,
  LogFullError,
  MisuseError,
  StoreError,
} from '../../lib/index.ts';
import { shown, shownLines } from '../text/escape.ts';
import { messageWithRemedy } from './remedies.ts';

/** The exit codes of Lockstep's own making. A child's own status is passed through unchanged. */
export const EXIT = { ok: 0, failed: 1, usage: 64, software: 70, io: 74, notAcquired: 75, timedOut: 124 } as const;

/** The command line is invalid. */
export class UsageError extends Error {}

/** A word is missing that the verb needs. The message is completed with the verb's usage. */
export class MissingWord extends UsageError {
  /** @param what NAME, FILE, … */
  constructor(what: string) {
    super(`missing ${what}`);
  }
}

/** Ends the command with an exit code, and without a message: one was printed, or none is needed. */
export class Exit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Turns an error into a message on stderr and an exit code. `usage`: the first lines of the verb's help. */
export function report(error: unknown, verb: string, usage = ''): number {
  if (error instanceof Exit) return error.exitCode;
  if (error instanceof MissingWord) say(`${error.message}: ${usage.replaceAll('\n', ', or ')}`);
  else if (isExpected(error)) say(messageWithRemedy(error));
  else process.stderr.write(`lockstep: a bug, please report it: ${traceOf(error)}\n`);
  if (error instanceof UsageError) say(`see \`lockstep ${verb === '' ? '' : `${verb} `}--help\``);
  return exitCodeOf(error);
}

/** Prints a line on stderr: stdout is for results. */
export function say(message: string): void {
  process.stderr.write(`lockstep: ${shown(message)}\n`);
}

/**
 * Says in a sentence that there is nothing to show, to a person at a terminal: a program that reads the output gets none, as
 * before.
 */
export function sayNothing(message: string): void {
  if (process.stdout.isTTY) say(message);
}

/** An error's name and message in one line, and its stack below. */
function traceOf(error: unknown): string {
  const line = String(error);
  const stack = (error instanceof Error && error.stack) || line;
  return stack.startsWith(line) ? shown(line) + shownLines(stack.slice(line.length)) : shownLines(stack);
}

function isExpected(error: unknown): error is Error {
  return error instanceof LockstepError || error instanceof MisuseError || error instanceof UsageError;
}

/** @internal The exit code that `report` returns. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Exit) return error.exitCode;
  if (error instanceof UsageError || error instanceof MisuseError || error instanceof ConfigMismatchError)
    return EXIT.usage;
  if (error instanceof LockTimeoutError || error instanceof DeadlockError || error instanceof LogFullError)
    return EXIT.notAcquired;
  // Lost before the work began or was written: for the caller, the same as not acquired.
  if (error instanceof LeaseLostError) return EXIT.notAcquired;
  if (error instanceof StoreError) return error.code === 'EVICTED' ? EXIT.notAcquired : EXIT.io;
  return error instanceof LockstepError ? EXIT.failed : EXIT.software;
}
