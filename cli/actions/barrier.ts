import { Barrier } from '../../lib/barrier.ts';
import { BrokenBarrierError } from '../../lib/errors.ts';
import { openStore } from '../../lib/open-store.ts';
import type { BarrierArguments } from '../commands/barrier.ts';
import { Exit, say, UsageError } from '../failure.ts';
import { patienceOf } from '../patience.ts';
import { mortalAsInit } from '../signals.ts';

export async function meetAtBarrier(args: BarrierArguments): Promise<void> {
  const timeout = patienceOf(args);
  if (args.abort && args.reset) throw new UsageError('--abort and --reset exclude each other');
  const barrier = await barrierOf(args);
  // Nobody ever used it: there is nothing to reset.
  if (!barrier) return;
  if (args.abort) return barrier.abort();
  if (args.reset) return barrier.reset();
  mortalAsInit();
  try {
    const index = await barrier.wait({ timeout, label: `barrier ${args.name}` });
    process.stdout.write(`${index}\n`);
  } catch (error) {
    if (!(error instanceof BrokenBarrierError && error.timedOut)) throw error;
    say(error.message);
    throw new Exit(args.conflictExitCode);
  }
}

/** To abort or reset one, nobody needs to say of how many parties it is. */
async function barrierOf({ name, parties, dir, abort, reset }: BarrierArguments): Promise<Barrier | null> {
  const store = openStore(dir);
  const line = parties === undefined && (abort || reset) ? await store.snapshot(name) : null;
  if (parties === undefined && reset && !line) return null;
  const count = line?.permits ?? parties;
  if (count === undefined) throw new UsageError(`say how many parties meet at ${name}: -p N`);
  return new Barrier(name, count, { store });
}
