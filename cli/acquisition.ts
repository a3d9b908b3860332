import prettyMs from 'pretty-ms';
import { LockTimeoutError, type Standing } from '../lib/errors.ts';
import type { Lease } from '../lib/lease.ts';
import { holdersIn } from '../lib/standing.ts';
import { parseDuration } from './duration.ts';
import { Exit, say, UsageError } from './failure.ts';
import type { WaitArguments } from './options.ts';
import type { Requested } from './resource.ts';

/** A wait shorter than this is not worth a word. */
const QUIET_MS = 300;

/**
 * Acquires as the command line asks: at once, within a time, or as long as it takes. Speaks only on
 * contention, once, and only to a person at a terminal or who asked for it.
 */
export async function acquireFor(wanted: Requested, args: WaitArguments, label: string): Promise<Lease> {
  const code = args.conflictExitCode;
  if (!Number.isInteger(code) || code < 0 || code > 255)
    throw new UsageError(`--conflict-exit-code must be a whole number from 0 to 255, not ${code}`);
  if (args.nonblock && args.wait !== undefined) throw new UsageError('--nonblock and --wait exclude each other');
  const timeout = args.wait === undefined ? Number.POSITIVE_INFINITY : parseDuration(args.wait, '--wait');
  const began = performance.now();
  const at = (await wanted.tryAcquire({ label })) ?? (await waitFor(wanted, args, label, args.nonblock ? 0 : timeout));
  if (args.verbose) say(`${wanted.name}: acquired after ${prettyMs(performance.now() - began)}, token ${at.token}`);
  return at;
}

async function waitFor(wanted: Requested, args: WaitArguments, label: string, timeout: number): Promise<Lease> {
  if (timeout === 0) {
    tellWho(wanted.name, holdersIn(await wanted.inspect()), args, 'not free now');
    throw new Exit(args.conflictExitCode);
  }
  const talks = !args.quiet && (args.verbose || process.stderr.isTTY);
  const notice = talks ? setTimeout(() => void announceWait(wanted), QUIET_MS) : undefined;
  try {
    return await wanted.acquire({ label, timeout });
  } catch (error) {
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
