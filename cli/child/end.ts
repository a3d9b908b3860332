import { setTimeout as delay } from 'node:timers/promises';
import prettyMs from 'pretty-ms';
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
}

export interface CommandEnd {
  status: number;
  timedOut: boolean;
}

/**
 * Waits for the end of a command that was started with `descendants`.
 *
 * If its time is over, or a signal asked us to end, all that it started is over too when this resolves: who comes after us
 * must find nothing of it at work. A process that may not be signalled is waited for.
 */
export async function commandEnd(child: HeldProcess, { asked }: Forwarding, options: EndOptions): Promise<CommandEnd> {
  const { verb, timeoutMs, signal, killAfterMs, holdDescendants } = options;
  let ending: Promise<void> | null = null;
  const cancel = later(timeoutMs, () => {
    say(`${verb}: still running after ${prettyMs(timeoutMs)}; ending it`);
    ending = child.end(killAfterMs, signal).then(() => sayIfLeft(verb, child));
  });
  const exit = await child.exit();
  cancel();
  const timedOut = ending !== null;
  await ending;
  const before = asked.length;
  const wasAsked = endedBy(exit, asked);
  const look = () => {
    if (wasAsked || asked.length > before) ending ??= child.end(killAfterMs).then(() => sayIfLeft(verb, child));
    return holdDescendants || ending !== null;
  };
  for (let ms = FIRST_LOOK_MS; look() && child.living().length > 0; ms = Math.min(ms * 2, LAST_LOOK_MS))
    await delay(ms);
  return { status: statusOf(exit), timedOut };
}

/**
 * Whether a command ended because of these signals. SIGTERM always asks for an end. The others may mean something else to it: a
 * shell goes on after Ctrl-C, a server reads its configuration after SIGHUP. So it must have died of them, or say so.
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
