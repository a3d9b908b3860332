import prettyMs from 'pretty-ms';
import { DeadlockError, LockTimeoutError, type Standing } from '../../lib/errors.ts';
import type { Lease } from '../../lib/primitives/lease.ts';
import { holdersIn } from '../../lib/store/holders.ts';
import { patienceOf } from '../args/duration.ts';
import type { DeadlockArguments, WaitArguments } from '../args/options.ts';
import { Exit, say } from '../output/exit.ts';
import type { Requested } from './target.ts';

/** A wait shorter than this is not worth a word. */
const QUIET_MS = 300;

type AcquisitionArguments = WaitArguments & DeadlockArguments;

/**
 * Acquires as the command line asks: at once, within a time, or as long as it takes. Speaks only on
 * contention, once, and only to a person at a terminal or who asked for it.
 */
export async function acquireFor(wanted: Requested, args: AcquisitionArguments, label: string): Promise<Lease> {
  const timeout = patienceOf(args);
  const began = performance.now();
  const at = (await wanted.tryAcquire({ label })) ?? (await waitFor(wanted, args, label, timeout));
  if (args.verbose) say(`${wanted.name}: acquired after ${prettyMs(performance.now() - began)}, token ${at.token}`);
  return at;
}

async function waitFor(wanted: Requested, args: AcquisitionArguments, label: string, timeout: number): Promise<Lease> {
  if (timeout === 0) {
    tellWho(wanted.name, holdersIn(await wanted.inspect()), args, 'not free now');
    throw new Exit(args.conflictExitCode);
  }
  const talks = !args.quiet && (args.verbose || process.stderr.isTTY);
  const notice = talks ? setTimeout(() => void announceWait(wanted), QUIET_MS) : undefined;
  try {
    return await wanted.acquire({ label, timeout, detectDeadlock: !args.noDeadlockCheck });
  } catch (error) {
    if (error instanceof DeadlockError && !args.quiet) say(error.message);
    if (error instanceof DeadlockError) throw new Exit(args.conflictExitCode);
    if (!(error instanceof LockTimeoutError)) throw error;
    tellWho(wanted.name, error.holders, args, `not acquired within ${prettyMs(timeout)}`);
    throw new Exit(args.conflictExitCode);
  } finally {
    clearTimeout(notice);
  }
}

async function announceWait(wanted: Requested): Promise<void> {
  const line = await wanted.inspect().catch(() => null);
  const holders = holdersIn(line);
  if (holders.length > 0) say(`${wanted.name}: waiting; held by ${describeHolders(holders)}`);
}

function tellWho(name: string, holders: readonly Standing[], { quiet }: WaitArguments, what: string): void {
  if (!quiet) say(`${name}: ${what}${holders.length === 0 ? '' : `: held by ${describeHolders(holders)}`}`);
}

/** `pid 42 (./deploy.sh) on web1 for 12s`, and how many more. */
export function describeHolders(holders: readonly Standing[]): string {
  const shown = holders.slice(0, 3).map(({ pid, command, host, since }) => {
    const age = prettyMs(Math.max(0, Date.now() - since), { compact: true });
    return `pid ${pid}${command === '' ? '' : ` (${command})`} on ${host} for ${age}`;
  });
  return shown.join('; ') + (holders.length > 3 ? `; and ${holders.length - 3} more` : '');
}
