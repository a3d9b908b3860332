import { readFileSync } from 'node:fs';
import { statusOfSignal } from './status.ts';

const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
];
/** A terminal sends these to every process in its foreground group, our child included. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH'];

/** Passes our signals on to the child: its reaction decides when both end. */
export function forwardSignals(child: { kill(signal: NodeJS.Signals): void }): void {
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      // Else Ctrl-C would reach the child twice, and many programs take a second one as an order to end at once.
      if (!(FROM_TERMINAL.includes(signal) && inForeground())) child.kill(signal);
    });
  }
}

/** Whether our process group is in the foreground of a terminal, and so gets the terminal's signals. */
function inForeground(): boolean {
  try {
    const line = readFileSync('/proc/self/stat', 'utf8');
    const [, , group, , , foreground] = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return process.stdin.isTTY;
  }
}

/**
 * Makes SIGINT, SIGTERM and SIGHUP end us as the first process of a container too: the kernel delivers to it only signals that
 * it handles. Any other process needs no handler, and without one its parent sees that a signal ended it.
 */
export function mortalAsInit(): void {
  if (process.pid !== 1) return;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(statusOfSignal(signal)));
}
