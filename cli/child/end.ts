import prettyMs from 'pretty-ms';
import type { Lease } from '../../lib/index.ts';
import { type HeldProcess, later, type ProcessExit } from '../../lib/internal.ts';
import { say } from '../output/exit.ts';
import type { Forwarding } from './signals.ts';
import { statusOf, statusOfSignal } from './status.ts';

const FIRST_LOOK_MS = 10;
const LAST_LOOK_MS = 500;

export interface EndOptions {
  /** The verb, for messages. */
  verb: string;
  /** After this long the command and all that it started are ended. */
  timeoutMs: number;
  /** By this signal, and then by SIGKILL after `killAfterMs`. */
  signal: NodeJS.Signals;
  killAfterMs: number;
  /** Wait until all that the command started has ended, too. */
  holdDescendants: boolean;
  /** The lease under which it runs, if it does: in a store of leases its loss ends them. */
  lease?: Lease;
}

/** The part of the time until a successor can get in for which a command may go on after SIGTERM. */
const GRACE_PART = 0.5;
/** Where a successor may be in already. */
const LEAST_GRACE_MS = 500;
const WATCH_AFTER_MS = 20;

export interface CommandEnd {
  status: number;
  timedOut: boolean;
}

/**
 * Waits for the end of a command that was started with `descendants`.
 *
 * If its time is over, or a signal asked us to end, all that it started has ended too when this resolves: the next holder
 * must find none of it at work. A process that may not be signalled is waited for.
 */
export async function commandEnd(child: HeldProcess, { asked }: Forwarding, options: EndOptions): Promise<CommandEnd> {
  const { verb, timeoutMs, signal, killAfterMs, holdDescendants, lease } = options;
  let ending: Promise<unknown> | null = null;
  let timedOut = false;
  const cancel = later(timeoutMs, () => {
    say(`${verb}: still running after ${prettyMs(timeoutMs)}; ending it`);
    timedOut = true;
    ending = child.end(killAfterMs, signal).then(() => sayIfLeft(verb, child));
  });
  const stopListening = onLossOfLease(lease, () => {
    say(`${verb}: ending the command: others get the lock now, or soon`);
    // A command that is being ended already may have got more time than is left.
    ending = Promise.all([ending, child.end(graceOf(lease, killAfterMs)).then(() => sayIfLeft(verb, child))]);
  });
  const exit = await child.exit();
  cancel();
  await ending;
  const before = asked.length;
  const wasAsked = endedBy(exit, asked);
  const look = () => {
    if (wasAsked || asked.length > before) ending ??= child.end(killAfterMs).then(() => sayIfLeft(verb, child));
    return holdDescendants || ending !== null;
  };
  for (let ms = FIRST_LOOK_MS; look() && child.living().length > 0; ms = Math.min(ms * 2, LAST_LOOK_MS))
    await new Promise<void>((resolve) => void later(ms, resolve));
  stopListening();
  return { status: statusOf(exit), timedOut };
}

/** In a store of leases others get in after a loss, whatever its holder does: calls back then. Returns the cancellation. */
export function onLossOfLease(lease: Lease | undefined, lost: () => void): () => void {
  if (!lease || lease.staysMs === null) return () => undefined;
  // As in `Holding`, whose message comes first: a command that is over before needs no watch.
  const unwatch = later(WATCH_AFTER_MS, () => {
    if (lease.signal.aborted) lost();
    else lease.signal.addEventListener('abort', lost, { once: true });
    stop = () => lease.signal.removeEventListener('abort', lost);
  });
  let stop = unwatch;
  return () => stop();
}

/** How long a command may take to end before a successor can get in. */
export function graceOf(lease: Lease | undefined, killAfterMs: number): number {
  return Math.min(killAfterMs, (lease?.staysMs ?? 0) * GRACE_PART || LEAST_GRACE_MS);
}

/**
 * Whether a command ended because of these signals. SIGTERM always asks for an end. The others may mean something else to it: a
 * shell goes on after Ctrl-C, a server reads its configuration after SIGHUP. So only its death of the signal counts, or the exit
 * code of a shell for it.
 */
function endedBy(exit: ProcessExit, signals: readonly NodeJS.Signals[]): boolean {
  const status = statusOf(exit);
  return signals.some((signal) => signal === 'SIGTERM' || status === statusOfSignal(signal));
}

function sayIfLeft(verb: string, child: HeldProcess): void {
  const left = child.living();
  if (left.length === 0) return;
  const which = left.length === 1 ? `pid ${left[0]} does` : `pids ${left.join(', ')} do`;
  say(`${verb}: ${which} not end: it belongs to another user, or is stuck in the kernel. It is waited for.`);
}
