import { load, onExit, unload } from 'signal-exit';

/**
 * Gives everything back when the process ends: normally, by `process.exit`, by an uncaught exception,
 * or by a signal that would end it. Nothing is installed before the first lease is asked for.
 */

/** Stores that have something to give back. Each call must be synchronous and must not throw. */
const givers = new Set<(code: number | null) => void>();
let watchesExit = false;
let watchesSignals = false;

/** `code` is the exit code, or null where a signal ends the process. */
function giveEverythingBack(code: number | null | undefined): void {
  for (const giveBack of [...givers]) giveBack(code ?? null);
}

/** Has `giveBack` called with the exit code when the process exits, but not when a signal ends it. */
export function atExit(giveBack: (code: number | null) => void): void {
  givers.add(giveBack);
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', giveEverythingBack);
}

/**
 * From now on also when SIGINT, SIGTERM or SIGHUP end the process. The signal keeps its effect: where
 * the program has no handler of its own the process still dies of it, and where it has one, that decides.
 *
 * A handler delays a signal until the event loop turns. So `acquireSync` alone never asks for this: a
 * process that blocks would not die of Ctrl-C. Its entries go stale instead, and are evicted at once.
 */
export function atSignals(): void {
  if (watchesSignals) return;
  watchesSignals = true;
  onExit(giveEverythingBack);
}

/** Runs something that blocks, with the signals' own effects meanwhile. */
export function withoutSignalHandlers<T>(block: () => T): T {
  if (watchesSignals) unload();
  try {
    return block();
  } finally {
    if (watchesSignals) load();
  }
}
