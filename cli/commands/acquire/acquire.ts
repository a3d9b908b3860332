import { messageOf } from '../../../lib/host/errno.ts';
import type { Lease } from '../../../lib/primitives/lease.ts';
import { acquireFor } from '../../access/acquisition.ts';
import { commandOf, heldByProcess, pidOf } from '../../access/pid.ts';
import { Requested, targetOf } from '../../access/target.ts';
import type { DeadlockArguments, KindArguments, ResourceArguments, WaitArguments } from '../../args/options.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';

export interface AcquireArguments extends ResourceArguments, WaitArguments, DeadlockArguments, KindArguments {
  pid?: number | undefined;
}

/**
 * While it waits, the entry is this process's own: if it is killed, the entry goes with it. Were it the
 * shell's from the start, a shell that lives on would be granted a lock of which nobody told it.
 */
export async function acquireForShell(args: AcquireArguments): Promise<void> {
  const pid = pidOf(args.pid, 'acquire NAME --pid $$');
  const target = targetOf(args);
  const wanted = new Requested(target, args, () => heldByProcess(target.store, pid));
  const lease = await acquireFor(wanted, args, commandOf(pid));
  if (!(await handedOver(lease, pid))) {
    await lease.release();
    say(`${wanted.name}: the process ${pid} is gone; nothing is held`);
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

/** Resolves when it has gone out, rejects if it has not. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.once('error', reject);
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A shell that sees this command fail takes the lock for not acquired, and would never release it. */
async function takeBack({ name, store }: Requested, token: number): Promise<void> {
  const entry = (await store.snapshot(name))?.entries.find((one) => one.token === token);
  if (entry) await store.evict(name, entry.ticket, { reason: 'its token was not printed', by: `pid ${process.pid}` });
}

/** Where it cannot be written down, the shell is not told of the lock: so nothing of it stays in line. */
async function handedOver(lease: Lease, pid: number): Promise<boolean> {
  try {
    return await lease.handOver(pid);
  } catch (error) {
    await lease.end().catch(() => undefined);
    throw error;
  }
}
