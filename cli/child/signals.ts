import { readFileSync } from 'node:fs';
import { statusOf } from './child.ts';

const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
];
/** A terminal sends these to every process in its foreground, our child included. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH'];

/** Hands signals on to the child, which decides what becomes of both. */
export function forwardSignals(child: { kill(signal: NodeJS.Signals): void }): void {
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      // Forwarded as well, Ctrl-C would reach the child twice, and many programs take that for "at once!".
      if (!(FROM_TERMINAL.includes(signal) && inForeground())) child.kill(signal);
    });
  }
}

/** Whether we are in the foreground of a terminal: our process group is the one it sends its signals to. */
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
 * Has SIGINT, SIGTERM and SIGHUP end us also as the first process of a container, to which the kernel gives
 * only signals that it handles. Any other process dies of them by itself, which its parent can tell apart.
 */
export function mortalAsInit(): void {
  if (process.pid !== 1) return;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(statusOf(null, signal)));
}
