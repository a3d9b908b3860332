import { Barrier, BrokenBarrierError, ConfigMismatchError, openStore } from '../../../lib/index.ts';
import { describeConfig } from '../../../lib/internal.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { patienceOf } from '../../args/duration.ts';
import type { PatienceArguments, StoreArguments } from '../../args/options.ts';
import { Exit, say, UsageError } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';

export interface BarrierArguments extends StoreArguments, PatienceArguments {
  name: string;
  parties?: number | undefined;
  abort: boolean;
  reset: boolean;
}

export async function meetAtBarrier(args: BarrierArguments): Promise<void> {
  const { name, abort, reset } = args;
  const timeout = patienceOf(args);
  if (abort && reset) throw new UsageError('--abort and --reset exclude each other');
  const barrier = await barrierOf(name, args);
  // It was never used: there is nothing to reset.
  if (!barrier) return;
  if (abort) return barrier.abort();
  if (reset) return barrier.reset();
  const notice = WaitNotice.begin(() => barrier);
  try {
    const index = await barrier.wait({ timeout, label: `barrier ${name}` }).finally(() => notice.end());
    process.stdout.write(`${index}\n`);
  } catch (error) {
    if (!(error instanceof BrokenBarrierError && error.timedOut)) throw error;
    say(messageWithRemedy(error));
    throw new Exit(args.conflictExitCode);
  }
}

/** Opens the barrier. To abort or reset one, the number of parties is optional. Null: there is none to reset. */
async function barrierOf(name: string, args: BarrierArguments): Promise<Barrier | null> {
  const { parties, dir, abort, reset } = args;
  const store = openStore(dir);
  const line = parties === undefined && (abort || reset) ? await store.snapshot(name) : null;
  if (line && line.kind !== 'barrier') throw new ConfigMismatchError(name, describeConfig(line), 'barrier');
  if (parties === undefined && reset && !line) return null;
  const count = line?.permits ?? parties;
  if (count === undefined) throw new UsageError(`missing --parties: how many meet at ${name}, as in -p 3`);
  return new Barrier(name, count, { store });
}
