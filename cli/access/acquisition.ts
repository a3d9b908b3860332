import prettyMs from 'pretty-ms';
import { DeadlockError, type Lease, LockTimeoutError, type Standing } from '../../lib/index.ts';
import { holdersIn, nodeHost } from '../../lib/internal.ts';
import { patienceOf } from '../args/duration.ts';
import type { DeadlockArguments, WaitingArguments } from '../args/options.ts';
import { Exit, say } from '../output/exit.ts';
import { stayInterpreted } from '../startup/interpreted.ts';
import type { Requested } from './target.ts';

/** A wait shorter than this is not reported. */
const QUIET_MS = 300;

type AcquisitionArguments = WaitingArguments & DeadlockArguments;

/**
 * Acquires as the options ask: at once, within a time, or without limit. On contention it prints one message, and only
 * at a terminal or with `--verbose`.
 */
export async function acquireFor(wanted: Requested, args: AcquisitionArguments, label: string): Promise<Lease> {
  const timeout = patienceOf(args);
  const began = nodeHost.clock.monotonicMs();
  const at = (await wanted.tryAcquire({ label })) ?? (await waitFor(wanted, args, label, timeout));
  if (args.verbose)
    say(`${wanted.name}: acquired after ${prettyMs(nodeHost.clock.monotonicMs() - began)}, token ${at.token}`);
  return at;
}

async function waitFor(wanted: Requested, args: AcquisitionArguments, label: string, timeout: number): Promise<Lease> {
  if (timeout === 0) {
    reportRefusal(wanted.name, holdersIn(await wanted.inspect()), args, 'not free now');
    throw new Exit(args.conflictExitCode);
  }
  stayInterpreted();
  const isReported = !args.quiet && (args.verbose || process.stderr.isTTY);
  const notice = isReported ? setTimeout(() => void announceWait(wanted), QUIET_MS) : undefined;
  try {
    return await wanted.acquire({ label, timeout, detectDeadlock: !args.noDeadlockCheck });
  } catch (error) {
    if (error instanceof DeadlockError && !args.quiet) say(error.message);
    if (error instanceof DeadlockError) throw new Exit(args.conflictExitCode);
    if (!(error instanceof LockTimeoutError)) throw error;
    reportRefusal(wanted.name, error.holders, args, `not acquired within ${prettyMs(timeout)}`);
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

function reportRefusal(name: string, holders: readonly Standing[], { quiet }: WaitingArguments, what: string): void {
  if (!quiet) say(`${name}: ${what}${holders.length === 0 ? '' : `: held by ${describeHolders(holders)}`}`);
}

/** `pid 42 (./deploy.sh) on web1 for 12s`, for up to three holders, and the number of others. */
export function describeHolders(holders: readonly Standing[]): string {
  const shown = holders.slice(0, 3).map(({ pid, command, host, since }) => {
    const age = prettyMs(Math.max(0, Date.now() - since), { compact: true });
    return `pid ${pid}${command === '' ? '' : ` (${command})`} on ${host} for ${age}`;
  });
  return shown.join('; ') + (holders.length > 3 ? `; and ${holders.length - 3} more` : '');
}
