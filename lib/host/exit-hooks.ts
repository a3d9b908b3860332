import { load, onExit, unload } from 'signal-exit';

/*
 * Releases everything when the process ends: normally, by `process.exit`, by an uncaught exception, or by a signal.
 * Nothing is installed before the first lease is requested.
 */

/** Each call must be synchronous and must not throw. */
const releases = new Set<(code: number | null) => void>();
let watchesExit = false;
let watchesSignals = false;

/** `code` is the exit code, or null where a signal ends the process. */
function releaseAll(code: number | null | undefined): void {
  for (const release of [...releases]) release(code ?? null);
}

/** Calls `release` with the exit code when the process exits, but not when a signal ends it. */
export function atExit(release: (code: number | null) => void): void {
  releases.add(release);
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', releaseAll);
}

/**
 * From now on releases also when SIGINT, SIGTERM or SIGHUP ends the process. The signal keeps its effect: without a
 * handler of its own the program still dies of it, and with one, that handler decides.
 *
 * A handler delays a signal until the event loop turns, so a blocked process would not die of Ctrl-C. Therefore
 * `acquireSync` never calls this: its entries become stale instead, and are evicted at once.
 */
export function atSignals(): void {
  if (watchesSignals) return;
  watchesSignals = true;
  onExit(releaseAll);
}

/** Runs a call that blocks; signals keep their default effects meanwhile. */
export function withoutSignalHandlers<T>(block: () => T): T {
  if (watchesSignals) unload();
  try {
    return block();
  } finally {
    if (watchesSignals) load();
  }
}
