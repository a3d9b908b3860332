import prettyMs from 'pretty-ms';
import { countdown, holdersIn } from '../../../lib/internal.ts';
import { describeHolders } from '../../access/acquisition.ts';
import { sayNoSuchName } from '../../access/known-name.ts';
import { targetOf } from '../../access/target.ts';
import { patienceOf } from '../../args/duration.ts';
import type { LimitArguments, ResourceArguments } from '../../args/options.ts';
import { Exit, say } from '../../output/exit.ts';

export interface WaitArguments extends ResourceArguments, LimitArguments {}

export async function waitUntilFree(args: WaitArguments): Promise<void> {
  const timeout = patienceOf(args);
  const { name, store } = targetOf(args);
  const restMs = countdown(store.clock, timeout);
  for (;;) {
    const line = await store.snapshot(name);
    // Nobody has used it yet, so nobody holds it. At a terminal it may be a slip.
    if (line === null && process.stderr.isTTY) await sayNoSuchName(store, name);
    // A stale holder no longer counts: its process is gone, and only its eviction is not recorded yet.
    if (!line?.entries.some(({ state, stale }) => state === 'holding' && !stale)) return;
    const timeoutMs = restMs();
    if (timeoutMs <= 0) {
      say(`${name}: not free within ${prettyMs(timeout)}: held by ${describeHolders(holdersIn(line))}`);
      throw new Exit(args.conflictExitCode);
    }
    await store.changed(name, { timeoutMs, keepAlive: true });
  }
}
