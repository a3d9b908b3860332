import prettyMs from 'pretty-ms';
import { shortCommand } from '../../../lib/host/command-line.ts';
import type { Lease } from '../../../lib/primitives/lease.ts';
import type { Store } from '../../../lib/store/store.ts';
import { later } from '../../../lib/time/timer.ts';
import { acquireFor } from '../../access/acquisition.ts';
import { Requested, targetOf } from '../../access/target.ts';
import { parseDuration } from '../../args/duration.ts';
import type {
  DeadlockArguments,
  KindArguments,
  ResourceArguments,
  WaitingArguments,
  WordArguments,
} from '../../args/options.ts';
import { Child } from '../../child/child.ts';
import { environmentOf } from '../../child/environment.ts';
import { forwardSignals } from '../../child/signals.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';

export interface RunArguments
  extends ResourceArguments,
    WaitingArguments,
    DeadlockArguments,
    KindArguments,
    WordArguments {
  timeout?: string | undefined;
  killAfter: string;
  command?: string | undefined;
}

export async function runUnderLock(args: RunArguments): Promise<void> {
  const words = wordsOf(args);
  const limits = limitsOf(args);
  const wanted = new Requested(targetOf(args), args);
  const lease = await acquireFor(wanted, args, shortCommand(args.command === undefined ? words : [args.command]));
  const status = await runHolding(lease, wanted.store, words, limits);
  await giveBack(lease);
  throw new Exit(status);
}

interface Limits {
  timeoutMs: number;
  killAfterMs: number;
}

/**
 * The order closes the gap between the start of the child and its adoption:
 *   1. the child starts, and waits for `go`;
 *   2. the child becomes an owner of the entry;
 *   3. `go`: from here on the lock is held as long as the child lives, even if this process is killed.
 * If this process is killed before 3, the command never begins.
 */
async function runHolding(lease: Lease, store: Store, words: readonly string[], limits: Limits): Promise<number> {
  const child = await born(lease, store, words);
  child.go();
  warnOfLoss(lease);
  return endOf(child, limits);
}

/** Steps 1 and 2. If one of them fails, the command never begins and the entry is ended. */
async function born(lease: Lease, store: Store, words: readonly string[]): Promise<Child> {
  let child: Child | undefined;
  try {
    child = await Child.start(words, environmentOf(lease, store));
    forwardSignals(child);
    await lease.adopt(child.pid);
    return child;
  } catch (error) {
    child?.drop();
    await lease.end().catch(() => undefined);
    throw error;
  }
}

async function endOf(child: Child, { timeoutMs, killAfterMs }: Limits): Promise<number> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return child.ended();
  let timedOut = false;
  let cancelKill: (() => void) | undefined;
  const cancelEnd = later(timeoutMs, () => {
    timedOut = true;
    say(`run: still running after ${prettyMs(timeoutMs)}; ending it`);
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    cancelKill = later(killAfterMs, () => child.kill('SIGKILL'));
  });
  const status = await child.ended();
  cancelEnd();
  cancelKill?.();
  return timedOut ? EXIT.timedOut : status;
}

function warnOfLoss(lease: Lease): void {
  lease.signal.addEventListener('abort', () => say(`${(lease.signal.reason as Error).message}`));
}

async function giveBack(lease: Lease): Promise<void> {
  try {
    await lease.release();
  } catch (error) {
    // The caller needs the command's status. A loss was reported when it happened.
    if (lease.held) say(messageWithRemedy(error));
  }
}

function wordsOf({ words, command }: RunArguments): readonly string[] {
  if (command !== undefined) {
    if (words?.length) throw new UsageError('-c and a command behind -- exclude each other');
    return ['/bin/sh', '-c', command];
  }
  if (!words?.length) throw new UsageError('missing command behind --: lockstep run NAME -- CMD [ARG…]');
  return words;
}

function limitsOf({ timeout, killAfter }: RunArguments): Limits {
  return {
    timeoutMs: timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(timeout, '--timeout'),
    killAfterMs: parseDuration(killAfter, '--kill-after'),
  };
}
