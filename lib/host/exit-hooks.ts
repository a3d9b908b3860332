/*
 * Releases everything when the process exits: normally, by `process.exit`, or by an uncaught exception.
 * `end-signals.ts` does so before a signal ends the process. Nothing is installed before the first lease is requested.
 */

/** Each call must be synchronous. */
const releases = new Set<(code: number | null) => void>();

/** Calls `release` with the exit code when the process exits, but not when a signal ends it. Idempotent. */
export function atExit(release: (code: number | null) => void): void {
  if (releases.size === 0) process.on('exit', (code) => releaseAll(Number(process.exitCode ?? code)));
  releases.add(release);
}

/** `code` is null where a signal ends the process. Never throws: an error here would change the program's exit code. */
export function releaseAll(code: number | null): void {
  for (const release of [...releases]) {
    try {
      release(code);
    } catch {
      // An entry that it could not release is stale once the process is gone.
    }
  }
}
