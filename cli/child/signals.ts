import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { inheritance } from '../startup/inheritance.ts';
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

/** These ask us to end, and so the command and all that it started. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];

/** The signals that asked us to end so far, in order. */
export interface Forwarding {
  readonly asked: readonly NodeJS.Signals[];
}

/** Handles a signal, unless our parent had us ignore it (`nohup`, a script's `&`): then it stays ignored. */
export function onSignal(signal: NodeJS.Signals, handler: (signal: NodeJS.Signals) => void): void {
  if (!isIgnored(signal)) process.on(signal, handler);
}

function isIgnored(signal: NodeJS.Signals): boolean {
  return inheritance.ignored.includes(constants.signals[signal]);
}

/** Passes our signals on to the child: its reaction decides when both end. */
export function forwardSignals(child: { kill(signal: NodeJS.Signals): void }): Forwarding {
  const asked: NodeJS.Signals[] = [];
  for (const signal of FORWARDED) {
    onSignal(signal, () => {
      if (ENDING.includes(signal)) asked.push(signal);
      // Else Ctrl-C would reach the child twice, and many programs take a second one as an order to end at once.
      if (!(FROM_TERMINAL.includes(signal) && inForeground())) child.kill(signal);
    });
  }
  return { asked };
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
 * Handles two signals that would not have their usual effects on this process. To be called first.
 *
 * - Node opens its debugger on a port at SIGUSR1. That signal is meant for the command: while there is none, it is ignored.
 * - To the first process of a container the kernel delivers only signals that it handles, so it could not be ended. Any
 *   other process needs no handler, and without one its parent sees that a signal ended it.
 */
export function handleOwnSignals(): void {
  process.on('SIGUSR1', () => undefined);
  if (process.pid !== 1) return;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    onSignal(signal, () => {
      // A verb with a handler of its own decides, as one that forwards the signal to its command.
      if (process.listenerCount(signal) === 1) process.exit(statusOfSignal(signal));
    });
  }
}
