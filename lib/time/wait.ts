import { onAbort } from './abort-listener.ts';
import type { Clock } from './clock.ts';
import { countdown } from './countdown.ts';

export interface WaitOptions {
  clock: Clock;
  /** The deadline, in ms from now. */
  timeoutMs: number;
  /** Ends the wait, which still resolves. */
  signal?: AbortSignal | undefined;
  /** Whether the process must stay alive for it. */
  keepAlive: boolean;
  /** How long until the next poll, in ms; `Infinity`: there is none. Asked before each one. */
  pollMs: () => number;
  /** Whether the wait is over. An error that it throws rejects the wait. */
  look: () => boolean;
  /** Begins to listen for changes, and calls `hint` when there may be one. Returns what ends the listening. */
  listen: (hint: () => void) => () => void;
}

/**
 * The one asynchronous wait: until a look finds it over, the deadline passes, or the signal aborts. It looks after each
 * hint, and polls in case a hint is lost. Whatever ends it, no timer and no listener is left behind.
 */
export function waitUntil({ clock, timeoutMs, signal, keepAlive, pollMs, look, listen }: WaitOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const restMs = countdown(clock, timeoutMs);
    let isOver = false;
    let isLooking = false;
    let cancelTimer = () => {};
    const end = () => {
      isOver = true;
      cancelTimer();
      stopListening();
      stopAborting();
      resolve();
    };
    const check = () => {
      // A look may itself cause a hint.
      if (isOver || isLooking) return;
      isLooking = true;
      try {
        if (look()) end();
      } catch (error) {
        reject(error);
        end();
      }
      isLooking = false;
    };
    const poll = () => {
      const rest = restMs();
      if (rest <= 0) return end();
      cancelTimer = clock.timer(Math.min(pollMs(), rest), keepAlive, () => {
        check();
        if (!isOver) poll();
      });
    };
    const stopListening = listen(check);
    const stopAborting = onAbort(signal, end);
    // A change before the listening began gave no hint.
    check();
    if (!isOver && signal?.aborted) end();
    if (!isOver) poll();
  });
}

export type BlockingWaitOptions = Pick<WaitOptions, 'clock' | 'timeoutMs' | 'look' | 'pollMs'>;

/** The same wait for a caller that blocks its thread: it gets no hints, and only polls. */
export function blockUntil({ clock, timeoutMs, look, pollMs }: BlockingWaitOptions): void {
  const restMs = countdown(clock, timeoutMs);
  while (!look()) {
    const rest = restMs();
    if (rest <= 0) return;
    clock.sleep(Math.min(pollMs(), rest));
  }
}
