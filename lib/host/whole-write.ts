import { systemError } from './errno.ts';
import type { Files } from './host.ts';

/*
 * `write` may take fewer bytes than it is given: at the last free block of a disk, at a quota, at a limit on the size of
 * files, on a network file system. (libuv continues with the rest itself, and where that fails it reports a short count
 * without the error.) So each writer writes the rest, which shows the error, or fails.
 */

/** One `write` of the rest, behind `done` bytes; returns how many bytes were taken. */
export type WriteRest = (rest: Uint8Array, done: number) => number;

/**
 * Writes all bytes, where this process is the only writer. A failure in the middle leaves a first part.
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
 * Appends the first `length` bytes in one `write`, where other processes append too: a rest could follow a record of
 * theirs. A torn record is void and harmless, so the whole record is written again, once; on a full disk that second
 * write throws the plain error.
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
