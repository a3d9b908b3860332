import { isErrno, systemError } from '../host/errno.ts';
import type { Files } from '../host/host.ts';

/** Runs a call while no other process, on any machine, runs one for the same file. */
export type Exclusively = <T>(path: string, call: () => T) => T;

/**
 * Files on a network file system, made fit for journals.
 *
 * Such a file system has no append: a client writes to where it believes the end to be, and two may write to the
 * same place. And it answers from caches. It promises only that a client which opens a file after another one has closed
 * it sees what that one wrote. So here
 * - every append runs alone, with a descriptor that is opened for it, and is on the server before the next one;
 * - every reading opens the file anew;
 * - a directory is changed before it is listed, which makes its own client ask the server.
 *
 * A descriptor that `openForAppend` gives stands for a path. If the path's file is gone, there is nothing to read:
 * where it was rotated away, `Journal.isInPlace` finds its successor.
 */
export function guardedFiles(files: Files, exclusively: Exclusively, nonce: string): Files {
  const paths = new Map<number, string>();

  /** Calls with a descriptor that was opened just now; with null if the file is gone. */
  function anew<T>(path: string, call: (fd: number | null) => T): T {
    const fd = openIfThere(files, path);
    try {
      return call(fd);
    } finally {
      if (fd !== null) files.close(fd);
    }
  }

  return {
    ...files,
    openForAppend(path) {
      const fd = files.openForAppend(path);
      paths.set(fd, path);
      return fd;
    },
    close(fd) {
      paths.delete(fd);
      files.close(fd);
    },
    read(fd, buffer, position) {
      const path = paths.get(fd);
      if (path === undefined) return files.read(fd, buffer, position);
      return anew(path, (newest) => (newest === null ? 0 : files.read(newest, buffer, position)));
    },
    write(fd, buffer, length) {
      const path = paths.get(fd);
      // A private file: no other process writes to it.
      if (path === undefined) return files.write(fd, buffer, length);
      return exclusively(path, () =>
        anew(path, (newest) => {
          if (newest === null) throw systemError('ENOENT', `${path} is gone`, { path });
          const written = files.write(newest, buffer, length);
          files.sync(newest);
          return written;
        }),
      );
    },
    list(directory) {
      const probe = `${directory}/.look.${nonce}`;
      try {
        files.makeDirectory(probe, 0o700);
        files.removeDirectory(probe);
      } catch {
        // It is not there, or may only be read. Then the list shows that, or is as new as the cache is.
      }
      return files.list(directory);
    },
  };
}

function openIfThere(files: Files, path: string): number | null {
  try {
    return files.openForAppend(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESTALE')) return null;
    throw error;
  }
}
