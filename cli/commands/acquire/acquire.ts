import type { Lease } from '../../../lib/index.ts';
import { messageOf } from '../../../lib/internal.ts';
import { acquireFor } from '../../access/acquisition.ts';
import { commandOf, heldByProcess, pidOf } from '../../access/pid.ts';
import { subshellOf } from '../../access/shell.ts';
import { Requested, targetOf } from '../../access/target.ts';
import type { DeadlockArguments, KindArguments, ResourceArguments, WaitingArguments } from '../../args/options.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { keepAlive, needsKeeper } from './keeper.ts';

export interface AcquireArguments extends ResourceArguments, WaitingArguments, DeadlockArguments, KindArguments {
  pid?: string | undefined;
}

/**
 * Acquires for this process, then hands the entry over to the shell. If this process is killed while it waits, its entry
 * ends with it; an entry of the shell would stay, and the shell would hold a lock that it does not know of.
 */
export async function acquireForShell(args: AcquireArguments): Promise<void> {
  const pid = pidOf(args.pid, 'acquire NAME --pid $$');
  const target = targetOf(args);
  if (!args.quiet) saySubshell(target.name, pid);
  const wanted = new Requested(target, args, () => heldByProcess(target.store, pid));
  const lease = await acquireFor(wanted, args, commandOf(pid));
  if (!(await handOver(lease, pid))) {
    await lease.release();
    say(`${wanted.name}: process ${pid} is gone; nothing is held`);
    throw new Exit(EXIT.failed);
  }
  try {
    await print(`${lease.token}\n`);
  } catch (error) {
    await takeBack(wanted, lease.token);
    say(`cannot write to stdout: ${messageOf(error as Error)}; nothing is held`);
    throw new Exit(EXIT.io);
  }
}

/** Warns a user who writes `$$` in a subshell: two subshells of a script would be one holder, and the lock outlives both. */
function saySubshell(name: string, pid: number): void {
  const subshell = subshellOf(pid);
  if (subshell === null) return;
  say(
    `${name}: $$ is ${pid}, the shell around this subshell (pid ${subshell}): it holds the lock until it ends, not the subshell. To hold it for the subshell, write --pid without a number.`,
  );
}

/** Resolves when the text is written. Rejects if it cannot be. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.once('error', reject);
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Evicts the entry: a shell to which this command fails would never release it. */
async function takeBack({ name, store }: Requested, token: number): Promise<void> {
  const entry = (await store.snapshot(name))?.entries.find((one) => one.token === token);
  const eviction = { reason: 'its token could not be printed', by: `pid ${process.pid}`, isRelease: true };
  if (entry) await store.evict(name, entry.ticket, eviction);
}

/** Ends the entry where the hand-over fails: the shell does not learn of the lock. */
async function handOver(lease: Lease, pid: number): Promise<boolean> {
  const lifeline = needsKeeper() ? lease.commandLifeline() : null;
  try {
    if (lifeline) keepAlive(pid, lifeline.fd);
    return await lease.handOver(pid, lifeline);
  } catch (error) {
    await lease.end().catch(() => undefined);
    throw error;
  }
}
