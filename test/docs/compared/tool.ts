import { spawnSync } from 'node:child_process';
import type { Program } from '../../support/cli-rig.ts';

/** The command of a holder: it says its own pid, which is not its wrapper's, and holds until the gate is opened. */
export const HOLD = 'echo in $$; read -r _ < gate';

/**
 * One column of the README's comparison, as its test needs it. What is started takes one lock, the same in all of them, in the rig's
 * directory.
 */
export interface Tool {
  /** The head of the column. */
  name: string;
  isThere: boolean;
  /** Whether it runs a command: then one of the two may be killed alone. */
  isWrapper: boolean;
  /** Waits for the lock, says `in PID` when it holds, and holds until the gate is opened. */
  hold: readonly string[];
  /** The same, but ends with another status than 0 where it would have to wait. Null: it has no such way. */
  attempt: readonly string[] | null;
  /**
   * Holds as `hold` does; then it releases, asks anew at once, and says `again`, or `behind` if another one holds by then. Null: its
   * waiters look again after pauses of random length, so that the order of several is tried.
   */
  again: readonly string[] | null;
  /** Whether a program that was started with `hold` waits by now. */
  isWaiting(program: Program): boolean | Promise<boolean>;
  /** Holders that share it, if the tool has readers; that are two at a time, if it has a number. */
  shared: readonly string[] | null;
  two: readonly string[] | null;
  /** What the tool says of itself: a missing feature is not in it. */
  manual(): string;
  /** Prints a number that grows from holder to holder, if there is one. */
  token: readonly string[] | null;
  /** What the lock itself says of its holder: some text that has a pid in it where the tool knows one. */
  says(): string | Promise<string>;
}

export function printed(program: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`;
}

export function isRunnable(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}
