import prettyMs from 'pretty-ms';
import type { LineView } from '../../../lib/index.ts';
import { countdown, holdersIn } from '../../../lib/internal.ts';
import { describeHolders } from '../../access/holder-words.ts';
import { sayNoSuchName } from '../../access/known-name.ts';
import { type Target, targetOf } from '../../access/target.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { patienceOf } from '../../args/duration.ts';
import type { LimitArguments, ResourceArguments } from '../../args/options.ts';
import { Exit, say } from '../../output/exit.ts';

export interface WaitArguments extends ResourceArguments, LimitArguments {}

export async function waitUntilFree(args: WaitArguments): Promise<void> {
  const timeout = patienceOf(args);
  const target = targetOf(args);
  const notice = WaitNotice.begin(() => target);
  const held = await lastHeld(target, timeout).finally(() => notice.end());
  if (held === null) return;
  say(`${target.name}: not free within ${prettyMs(timeout)}: held by ${describeHolders(holdersIn(held))}`);
  throw new Exit(args.conflictExitCode);
}

/** Resolves to null once there is no holder, or to the line as it is after the time. */
async function lastHeld({ name, store }: Target, timeout: number): Promise<LineView | null> {
  const restMs = countdown(store.clock, timeout);
  for (;;) {
    const line = await store.snapshot(name);
    // Nobody has used it yet, so nobody holds it. At a terminal it may be a slip.
    if (line === null && process.stderr.isTTY) await sayNoSuchName(store, name);
    // A stale holder no longer counts: its process is gone, and only its eviction is not recorded yet.
    if (!line?.entries.some(({ state, stale }) => state === 'holding' && !stale)) return null;
    const timeoutMs = restMs();
    if (timeoutMs <= 0) return line;
    await store.changed(name, { timeoutMs, keepAlive: true, after: line?.revision });
  }
}
