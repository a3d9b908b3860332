import { LockstepError, StoreError } from './errors.ts';

/**
 * What a failed system call means. Nothing here is tried again by itself, unless the operation says so: an error that is
 * told at once is worth more than one that is told late, and a caller who wants to try again knows for how long.
 * (Node itself goes on with a `write` that a signal interrupted; a local file system interrupts nothing else.)
 */
const KNOWN: Record<string, [code: string, what: string, remedy: string]> = {
  EACCES: [
    'STORE_DENIED',
    'permission denied',
    'Check its owner and mode, or choose another store with --dir or $LOCKSTEP_DIR.',
  ],
  EPERM: [
    'STORE_DENIED',
    'not permitted',
    'Check its owner and mode, or choose another store with --dir or $LOCKSTEP_DIR.',
  ],
  EROFS: [
    'STORE_READ_ONLY',
    'the file system is read-only',
    'Choose a store on a writable one with --dir or $LOCKSTEP_DIR.',
  ],
  ENOSPC: ['STORE_FULL', 'no space is left on the device', 'Free some, then try again.'],
  EDQUOT: ['STORE_FULL', 'the disk quota is used up', 'Free some space, then try again.'],
  EMFILE: ['STORE_IO', 'this process has too many files open', 'Close some, or raise its limit (ulimit -n).'],
  ENFILE: ['STORE_IO', 'the system has too many files open', 'Raise its limit (fs.file-max).'],
  EIO: ['STORE_IO', 'the disk failed', 'Check it, and the system log, then try again.'],
  EINTR: ['STORE_IO', 'a signal interrupted it', 'Try again.'],
  EAGAIN: ['STORE_IO', 'it is not ready', 'Remove what stands in its place, if it is no regular file; else try again.'],
  EFBIG: ['STORE_FULL', 'a file would be larger than is allowed', 'Raise the limit (ulimit -f).'],
  ESTALE: [
    'STORE_GONE',
    'its handle is stale: what was mounted there is gone',
    'Mount it again, then restart what used it.',
  ],
  ENOENT: ['STORE_GONE', 'it has been deleted', 'Do not delete a store that is in use; then try again.'],
  ELOOP: ['STORE_UNSAFE', 'it is a symbolic link', 'Remove the link; a store follows none.'],
  EINVAL: ['STORE_UNSAFE', 'it is not a regular file', 'Remove what stands in its place.'],
  EISDIR: ['STORE_UNSAFE', 'it is a directory', 'Remove what stands in its place.'],
  ENXIO: ['STORE_UNSAFE', 'it is a socket or a device', 'Remove what stands in its place.'],
  ENODEV: ['STORE_UNSAFE', 'it is a socket or a device', 'Remove what stands in its place.'],
  ENAMETOOLONG: ['STORE_UNSAFE', 'its path is too long', 'Choose another store with --dir or $LOCKSTEP_DIR.'],
  ENOTDIR: [
    'STORE_UNSAFE',
    'a part of its path is not a directory',
    'Choose another store with --dir or $LOCKSTEP_DIR.',
  ],
  EEXIST: [
    'STORE_UNSAFE',
    'something else stands in its place',
    'Remove it, or choose another store with --dir or $LOCKSTEP_DIR.',
  ],
};

/**
 * The one place where a failed system call becomes an error that says what, where, why and what to do.
 * Lockstep's own errors, and what is no system error (a bug), pass through.
 */
export function storeErrorOf(error: unknown, at: { operation: string; resource?: string; path: string }): unknown {
  const system = error as NodeJS.ErrnoException;
  if (error instanceof LockstepError || typeof system?.code !== 'string' || !/^E[A-Z0-9]+$/.test(system.code))
    return error;
  const [code, what, remedy] = KNOWN[system.code] ?? ['STORE_IO', system.message, 'Check the disk, then try again.'];
  const subject = at.resource === undefined ? '' : `${at.resource}: `;
  return new StoreError(
    code,
    `${subject}cannot ${at.operation} ${system.path ?? at.path}: ${what} (${system.code}). ${remedy}`,
    {
      operation: at.operation,
      ...(at.resource === undefined ? {} : { resource: at.resource }),
      path: system.path ?? at.path,
      cause: error,
    },
  );
}
