import prettyMs from 'pretty-ms';
import { holdersIn } from '../../../lib/store/holders.ts';
import { describeHolders } from '../../access/acquisition.ts';
import { targetOf } from '../../access/target.ts';
import { parseDuration } from '../../args/duration.ts';
import type { ResourceArguments } from '../../args/options.ts';
import { Exit, say } from '../../output/exit.ts';

export interface WaitVerbArguments extends ResourceArguments {
  wait?: string | undefined;
  conflictExitCode: number;
}

export async function waitUntilFree(args: WaitVerbArguments): Promise<void> {
  const timeout = args.wait === undefined ? Number.POSITIVE_INFINITY : parseDuration(args.wait, '--wait');
  const { name, store } = targetOf(args);
  const deadline = performance.now() + timeout;
  for (;;) {
    const line = await store.snapshot(name);
    // A holder whose process is gone holds nothing any more; nobody has come by to write that down yet.
    if (!line?.entries.some(({ state, stale }) => state === 'holding' && !stale)) return;
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0) {
      say(`${name}: not free within ${prettyMs(timeout)}: held by ${describeHolders(holdersIn(line))}`);
      throw new Exit(args.conflictExitCode);
    }
    await store.changed(name, { timeoutMs, keepAlive: true });
  }
}
