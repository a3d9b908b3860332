import prettyMs from 'pretty-ms';
import type { Lease, Store } from '../../../lib/index.ts';
import { type HeldProcess, later, shortCommand } from '../../../lib/internal.ts';
import { acquireFor } from '../../access/acquisition.ts';
import { Holding } from '../../access/holding.ts';
import { Requested, targetOf } from '../../access/target.ts';
import { parseDuration } from '../../args/duration.ts';
import type {
  DeadlockArguments,
  KindArguments,
  ResourceArguments,
  WaitingArguments,
  WordArguments,
} from '../../args/options.ts';
import { environmentOf } from '../../child/environment.ts';
import { forwardSignals } from '../../child/signals.ts';
import { startCommand } from '../../child/start.ts';
import { statusOf } from '../../child/status.ts';
import { wordsOf } from '../../child/words.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';

export interface RunArguments
  extends ResourceArguments,
    WaitingArguments,
    DeadlockArguments,
    KindArguments,
    WordArguments {
  timeout?: string | undefined;
  killAfter: string;
  command?: string | undefined;
}

export async function runUnderLock(args: RunArguments): Promise<void> {
  const words = wordsOf(args, 'run');
  const limits = limitsOf(args);
  const wanted = new Requested(targetOf(args), args);
  const lease = await acquireFor(wanted, args, shortCommand(args.command === undefined ? words : [args.command]));
  throw new Exit(await runHolding(lease, wanted.store, words, limits));
}

interface Limits {
  timeoutMs: number;
  killAfterMs: number;
}

/** @returns the command's status; if the lease was lost meanwhile, 75: the command may not have been alone */
async function runHolding(lease: Lease, store: Store, words: readonly string[], limits: Limits): Promise<number> {
  const child = await started(lease, store, words);
  const holding = new Holding(lease);
  const status = await endOf(child, limits);
  const loss = await holding.loss();
  await holding.release();
  if (loss === null) return status;
  if (status !== EXIT.ok) say(`run: the command itself ended with exit code ${status}`);
  return EXIT.notAcquired;
}

/** The command, an owner of the lock's entry. If it cannot be started, nothing stays in line. */
async function started(lease: Lease, store: Store, words: readonly string[]): Promise<HeldProcess> {
  const env = { ...process.env, ...environmentOf(lease, store) };
  try {
    return await startCommand(lease, words, { env }, (child, adopt) => {
      forwardSignals(child);
      return adopt();
    });
  } catch (error) {
    await lease.end().catch(() => undefined);
    throw error;
  }
}

async function endOf(child: HeldProcess, { timeoutMs, killAfterMs }: Limits): Promise<number> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return statusOf(await child.exit());
  let timedOut = false;
  const cancel = later(timeoutMs, () => {
    timedOut = true;
    say(`run: still running after ${prettyMs(timeoutMs)}; ending it`);
    void child.end(killAfterMs);
  });
  const status = statusOf(await child.exit());
  cancel();
  return timedOut ? EXIT.timedOut : status;
}

function limitsOf({ timeout, killAfter }: RunArguments): Limits {
  return {
    timeoutMs: timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(timeout, '--timeout'),
    killAfterMs: parseDuration(killAfter, '--kill-after'),
  };
}
