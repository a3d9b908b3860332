import path from 'node:path';
import { StoreError } from '../errors.ts';
import { systemError } from '../host/errno.ts';
import type { Files, Host } from '../host/host.ts';
import { properLockfile } from '../host/proper-lockfile.ts';
import type { Clock } from '../time/clock.ts';
import type { Exclusively } from './guarded-files.ts';

/**
 * How old a guard must be before it counts as left behind, in ms. Its time is the server's and is compared with this
 * machine's clock: so it is much longer than an append takes, and than clocks should differ.
 */
const STALE_MS = 60_000;
/** How long to try. Past the time in which a guard goes stale something else is wrong. */
const PATIENCE_MS = 2 * STALE_MS;
const RETRY_LEAST_MS = 1;
const RETRY_MOST_MS = 50;

/**
 * Allows one append at a time in a resource's directory, by proper-lockfile's lock on it. It is held for a few
 * milliseconds, so a process that finds it held tries again. If its holder is killed, the others wait until it is
 * stale. (That library handles signals once it is loaded, so it is loaded for such a store only.)
 *
 * @throws {StoreError} if it cannot be acquired
 */
export function appendGuard({ files, clock }: Host): Exclusively {
  const lockfile = properLockfile();
  const fs = guardFiles(files);
  return (file, call) => {
    const directory = path.dirname(file);
    const release = taken(() => lockfile.lockSync(directory, { ...guardOptions(directory), fs }), clock, directory);
    try {
      return call();
    } finally {
      releaseQuietly(release);
    }
  };
}

function guardOptions(directory: string) {
  return { realpath: false, lockfilePath: `${directory}/guard`, stale: STALE_MS, onCompromised: () => undefined };
}

/**
 * The calls that proper-lockfile makes, on the store's own files: no link leads them elsewhere. One call makes the guard,
 * and its maker holds it.
 */
function guardFiles(files: Files) {
  return {
    mkdirSync(path: string): void {
      if (!files.makeDirectory(path, 0o700, null)) throw guardError('EEXIST', path);
    },
    rmdirSync(path: string): void {
      if (!files.removeDirectory(path)) throw guardError('ENOENT', path);
    },
    statSync(path: string): { mtime: Date } {
      const found = files.look(path);
      if (found === null) throw guardError('ENOENT', path);
      return { mtime: new Date(found.modifiedMs) };
    },
    utimesSync(path: string): void {
      if (!files.touch(path)) throw guardError('ENOENT', path);
    },
  };
}

function guardError(name: string, path: string): Error {
  return systemError(name, `the guard '${path}'`, { path });
}

function taken(take: () => () => void, clock: Clock, directory: string): () => void {
  const deadline = clock.monotonicMs() + PATIENCE_MS;
  for (let ms = RETRY_LEAST_MS; ; ms = Math.min(ms * 2, RETRY_MOST_MS)) {
    try {
      return take();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
      if (clock.monotonicMs() > deadline) throw busyError(directory, error);
    }
    // Not in step with the others.
    clock.sleep(ms * (0.5 + Math.random()));
  }
}

/** Ignores an error: if the guard was taken over as stale, another process holds it now. */
function releaseQuietly(release: () => void): void {
  try {
    release();
  } catch {
    // The append itself was read back, or will be: that shows its outcome.
  }
}

function busyError(directory: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_BUSY',
    `the guard ${directory}/guard was held for ${PATIENCE_MS / 1000} s. If no process uses this store, remove that directory.`,
    { operation: 'write', path: directory, cause },
  );
}
