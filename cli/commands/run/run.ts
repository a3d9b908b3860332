import type { Lease, Store } from '../../../lib/index.ts';
import { type HeldProcess, shortCommand } from '../../../lib/internal.ts';
import { acquireFor } from '../../access/acquisition.ts';
import { Holding } from '../../access/holding.ts';
import { Requested, targetOf } from '../../access/target.ts';
import { parseDuration, parseLimit } from '../../args/duration.ts';
import type {
  DeadlockArguments,
  FlockArguments,
  KindArguments,
  ResourceArguments,
  WaitingArguments,
  WordArguments,
} from '../../args/options.ts';
import { commandEnd, type EndOptions } from '../../child/end.ts';
import { environmentOf } from '../../child/environment.ts';
import { type Forwarding, forwardSignals } from '../../child/signals.ts';
import { startCommand } from '../../child/start.ts';
import { signalOf } from '../../child/status.ts';
import { checkRunnable, wordsOf } from '../../child/words.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { becomeCommand, checkExec } from './exec.ts';

export interface RunArguments
  extends ResourceArguments,
    WaitingArguments,
    DeadlockArguments,
    KindArguments,
    FlockArguments,
    WordArguments {
  timeout?: string | undefined;
  killAfter: string;
  signal?: string | undefined;
  preserveStatus: boolean;
  holdDescendants: boolean;
  noFork: boolean;
  command?: string | undefined;
}

export async function runUnderLock(args: RunArguments): Promise<void> {
  const words = wordsOf(args, 'run');
  const limits = limitsOf(args);
  checkRunnable(words, (why) => `run: ${why}`);
  const wanted = new Requested(targetOf(args), args);
  if (args.noFork) checkNoFork(args, words, wanted.store);
  const lease = await acquireFor(wanted, args, shortCommand(args.command === undefined ? words : [args.command]));
  if (args.noFork) return becomeCommand(lease, wanted.store, words);
  throw new Exit(await runHolding(lease, wanted.store, words, limits));
}

/** @returns the command's status; if the lease was lost meanwhile, 75: the command may not have been alone */
async function runHolding(lease: Lease, store: Store, words: readonly string[], limits: Limits): Promise<number> {
  const { child, asked } = await started(lease, store, words);
  const holding = new Holding(lease);
  const { status, timedOut } = await commandEnd(child, asked, { ...limits, lease });
  const loss = await holding.loss();
  await holding.release();
  if (loss === null) return timedOut && !limits.preserveStatus ? EXIT.timedOut : status;
  if (status !== EXIT.ok) say(`run: the command itself ended with exit code ${status}`);
  return EXIT.notAcquired;
}

interface Started {
  child: HeldProcess;
  asked: Forwarding;
}

/** The command, an owner of the lock's entry. If it cannot be started, nothing stays in line. */
async function started(lease: Lease, store: Store, words: readonly string[]): Promise<Started> {
  const env = { ...process.env, ...environmentOf(lease, store) };
  let asked: Forwarding = { asked: [] };
  try {
    const child = await startCommand(lease, words, { env, ends: 'descendants' }, (held, adopt) => {
      asked = forwardSignals(held);
      return adopt();
    });
    return { child, asked };
  } catch (error) {
    await lease.end().catch(() => undefined);
    throw error;
  }
}

/** @throws {UsageError} */
function checkNoFork(args: RunArguments, words: readonly string[], store: Store): void {
  const { timeout, holdDescendants, flock } = args;
  const [option] = [timeout === undefined ? '' : '--timeout', holdDescendants ? '--hold-descendants' : ''].filter(
    Boolean,
  );
  if (option) throw new UsageError(`--no-fork and ${option} exclude each other: nothing is left that could see to it`);
  if (flock !== undefined)
    throw new UsageError(
      '--no-fork and --flock exclude each other: Node closes the descriptor of the lock as CMD replaces it',
    );
  if (store.capabilities.leases)
    throw new UsageError(
      `--no-fork needs a store on disk: on ${store.place} a process must keep the lock alive while the command runs. Omit it`,
    );
  checkExec(words);
}

interface Limits extends Omit<EndOptions, 'lease'> {
  preserveStatus: boolean;
}

function limitsOf({ timeout, killAfter, signal, preserveStatus, holdDescendants }: RunArguments): Limits {
  if (timeout === undefined && preserveStatus) throw new UsageError('--preserve-status needs --timeout');
  if (timeout === undefined && signal !== undefined) throw new UsageError('--signal needs --timeout');
  return {
    verb: 'run',
    timeoutMs: parseLimit(timeout, '--timeout'),
    killAfterMs: parseDuration(killAfter, '--kill-after'),
    signal: signalOf(signal ?? 'TERM'),
    preserveStatus,
    holdDescendants,
  };
}
