import { systemError } from './errno.ts';
import type { Files } from './host.ts';

/**
 * `write` may take fewer bytes than it is given: at the last free block of a disk, at a quota, at a limit on the size of
 * files, on a network file system. (libuv goes on with the rest by itself, and reports a short count where that failed,
 * without the error.) No writer believes such a count: it writes the rest, which shows the error, or it fails.
 */

/** One `write` of what is left, of which so much is done; returns how many bytes were taken. */
export type WriteRest = (rest: Uint8Array, done: number) => number;

/**
 * Writes all of it, where nobody else writes. What fails in the middle leaves a first part.
 *
 * @throws the system's error; `ENOSPC` if nothing more is taken
 */
export function writeWhole(bytes: Uint8Array, write: WriteRest): void {
  for (let done = 0; done < bytes.length; ) {
    const written = write(bytes.subarray(done), done);
    if (written === 0) throw cutShort();
    done += written;
  }
}

/**
 * Appends the first `length` bytes in one `write`, where others append too: the rest would stand behind a record of
 * theirs. A torn record is void and harms nobody, so the whole of it may be tried again, once: a disk that is full says
 * so in plain words the second time.
 *
 * @throws the system's error; `ENOSPC` if the second write is cut short too
 */
export function writeAtOnce(files: Files, fd: number, bytes: Uint8Array, length = bytes.length): void {
  if (files.write(fd, bytes, length) === length) return;
  if (files.write(fd, bytes, length) !== length) throw cutShort();
}

function cutShort(): NodeJS.ErrnoException {
  return systemError('ENOSPC', 'the write was cut short');
}
