import { acquireFor } from '../acquisition.ts';
import type { AcquireArguments } from '../commands/acquire.ts';
import { EXIT, Exit, say } from '../failure.ts';
import { commandOf, heldByProcess, pidOf } from '../process-of.ts';
import { Requested, targetOf } from '../resource.ts';

/**
 * While it waits, the entry is this process's own: if it is killed, the entry goes with it. Were it the
 * shell's from the start, a shell that lives on would be granted a lock of which nobody told it.
 */
export async function acquireForShell(args: AcquireArguments): Promise<void> {
  const pid = pidOf(args.pid, 'acquire NAME --pid $$');
  const target = targetOf(args);
  const wanted = new Requested(target, args, () => heldByProcess(target.store, pid));
  const lease = await acquireFor(wanted, args, commandOf(pid));
  if (!(await lease.handOver(pid))) {
    await lease.release();
    say(`${wanted.name}: the process ${pid} is gone; nothing is held`);
    throw new Exit(EXIT.failed);
  }
  process.stdout.write(`${lease.token}\n`);
}
