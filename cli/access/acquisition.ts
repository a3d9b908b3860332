import prettyMs from 'pretty-ms';
import { DeadlockError, type Lease, LockTimeoutError } from '../../lib/index.ts';
import { holdersIn, nodeHost } from '../../lib/internal.ts';
import { patienceOf } from '../args/duration.ts';
import type { DeadlockArguments, WaitingArguments } from '../args/options.ts';
import { Exit, say } from '../output/exit.ts';
import { stayInterpreted } from '../startup/interpreted.ts';
import { holdersWords } from './holder-words.ts';
import type { Requested } from './target.ts';
import { QUIET_MS, WaitNotice } from './wait-notice.ts';

type AcquisitionArguments = WaitingArguments & DeadlockArguments;

/**
 * Acquires as the options ask: at once, within a time, or without limit. On contention it shows at a terminal how the wait
 * goes on, and prints one message with `--verbose`.
 */
export async function acquireFor(wanted: Requested, args: AcquisitionArguments, label: string): Promise<Lease> {
  const timeout = patienceOf(args);
  const began = nodeHost.clock.monotonicMs();
  // On servers a request more takes longer than the wait prepares.
  const isNear = wanted.store.sync !== null || timeout === 0;
  const at = (isNear ? await wanted.tryAcquire({ label }) : null) ?? (await waitFor(wanted, args, label, timeout));
  if (args.verbose) sayAcquired(at, nodeHost.clock.monotonicMs() - began);
  return at;
}

/** The line that `--verbose` prints of a lease. */
export function sayAcquired({ name, token }: Lease, afterMs: number): void {
  say(`${name}: acquired after ${prettyMs(afterMs)}, token ${token}`);
}

async function waitFor(wanted: Requested, args: AcquisitionArguments, label: string, timeout: number): Promise<Lease> {
  if (timeout === 0) {
    const holders = holdersIn(await wanted.inspect());
    // In line nobody was before us.
    const foreign = holders.length === 0 ? wanted.foreignWords : null;
    reportRefusal(wanted.name, holdersWords(holders, foreign), args, 'not free now');
    throw new Exit(args.conflictExitCode);
  }
  // On servers most calls do not wait, but for an answer: only with the flags that V8 had is its code kept.
  const calm = wanted.store.sync === null ? setTimeout(stayInterpreted, QUIET_MS) : undefined;
  if (calm === undefined) stayInterpreted();
  const notice = WaitNotice.begin(() => wanted, args);
  try {
    return await wanted.acquire({ label, timeout, detectDeadlock: !args.noDeadlockCheck });
  } catch (error) {
    notice.end();
    if (error instanceof DeadlockError && !args.quiet) say(error.message);
    if (error instanceof DeadlockError) throw new Exit(args.conflictExitCode);
    if (!(error instanceof LockTimeoutError)) throw error;
    const words = holdersWords(error.holders, error.foreignLock ?? null);
    reportRefusal(wanted.name, words, args, `not acquired within ${prettyMs(timeout)}`);
    throw new Exit(args.conflictExitCode);
  } finally {
    notice.end();
    clearTimeout(calm);
  }
}

function reportRefusal(name: string, why: string, { quiet }: WaitingArguments, what: string): void {
  if (!quiet) say(`${name}: ${what}${why === '' ? '' : `: ${why}`}`);
}
