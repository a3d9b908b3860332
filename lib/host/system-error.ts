import { LockstepError, StoreError } from '../errors.ts';
import { errnoName } from './errno.ts';

/**
 * The meaning of each system error. Nothing is retried, unless the operation says so: an error at once is worth more
 * than a late one, and only the caller knows for how long to retry. (Node itself continues a `write` that a signal
 * interrupted; a local file system interrupts nothing else.)
 */
const KNOWN: Record<string, [code: string, what: string, remedy: string]> = {
  EACCES: [
    'STORE_DENIED',
    'permission denied',
    'Check its owner and mode, or choose another store ({ store } or $LOCKSTEP_DIR).',
  ],
  EPERM: [
    'STORE_DENIED',
    'not permitted',
    'Check its owner and mode, or choose another store ({ store } or $LOCKSTEP_DIR).',
  ],
  EROFS: [
    'STORE_READ_ONLY',
    'the file system is read-only',
    'Choose a store on a writable one ({ store } or $LOCKSTEP_DIR).',
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
  EUCLEAN: ['STORE_IO', 'the file system is damaged', 'Check it (fsck), and the system log, then try again.'],
  EBADMSG: ['STORE_IO', 'the file system is damaged', 'Check it (fsck), and the system log, then try again.'],
  EHWPOISON: ['STORE_IO', 'the memory failed', 'Check it, and the system log, then try again.'],
  EBUSY: ['STORE_IO', 'it is in use', 'If something is mounted there, unmount it; else try again.'],
  ENOMEM: ['STORE_IO', 'the system has no memory left', 'Free some, then try again.'],
  ETIMEDOUT: ['STORE_IO', 'the file system did not answer in time', 'Check what it is mounted from, then try again.'],
  ENOLCK: ['STORE_IO', 'the file system has no locks left', 'Try again.'],
  ENOKEY: ['STORE_DENIED', 'it is encrypted, and its key is not there', 'Unlock the directory, then try again.'],
  EKEYREVOKED: ['STORE_DENIED', 'it is encrypted, and its key was taken away', 'Unlock it, then try again.'],
  ENOTSUP: [
    'STORE_UNSAFE',
    'the file system cannot do that',
    'Choose a store on another one ({ store } or $LOCKSTEP_DIR).',
  ],
  ENOSYS: [
    'STORE_UNSAFE',
    'the system cannot do that',
    'Choose a store on another file system ({ store } or $LOCKSTEP_DIR).',
  ],
  EISDIR: ['STORE_UNSAFE', 'it is a directory', 'Remove what stands in its place.'],
  ENXIO: ['STORE_UNSAFE', 'it is a socket or a device', 'Remove what stands in its place.'],
  ENODEV: ['STORE_UNSAFE', 'it is a socket or a device', 'Remove what stands in its place.'],
  ENAMETOOLONG: ['STORE_UNSAFE', 'its path is too long', 'Choose another store ({ store } or $LOCKSTEP_DIR).'],
  ENOTDIR: [
    'STORE_UNSAFE',
    'a part of its path is not a directory',
    'Choose another store ({ store } or $LOCKSTEP_DIR).',
  ],
  EEXIST: [
    'STORE_UNSAFE',
    'something else stands in its place',
    'Remove it, or choose another store ({ store } or $LOCKSTEP_DIR).',
  ],
};

/** Node's own refusal, where it runs with `--permission`. */
const NOT_ALLOWED: (typeof KNOWN)[string] = [
  'STORE_DENIED',
  "Node's permissions refuse it",
  'Allow reading and writing there (--allow-fs-read, --allow-fs-write), or choose another store.',
];

const REMEDY = 'Check the disk and the system log, then try again.';

/** Node's own limits, which it reports without a system error number. */
const TOO_LARGE = [
  'ERR_FS_FILE_TOO_LARGE',
  'ERR_STRING_TOO_LONG',
  'ERR_BUFFER_TOO_LARGE',
  'ERR_MEMORY_ALLOCATION_FAILED',
];

/**
 * Turns a failed system call into a `StoreError` that states operation, path, cause and remedy. It uses the error's
 * number where Node has no name for it. Returns Lockstep's own errors, and exceptions that are no system errors, as
 * they are.
 */
export function storeErrorOf(error: unknown, at: { operation: string; resource?: string; path: string }): unknown {
  if (error instanceof LockstepError) return error;
  const system = error as NodeJS.ErrnoException;
  const meaning = meaningOf(system);
  if (meaning === null) return error;
  const [name, code, what, remedy] = meaning;
  const subject = at.resource === undefined ? '' : `${at.resource}: `;
  return new StoreError(
    code,
    `${subject}cannot ${at.operation} ${system.path ?? at.path}: ${what} (${name}). ${remedy}`,
    {
      operation: at.operation,
      ...(at.resource === undefined ? {} : { resource: at.resource }),
      path: system.path ?? at.path,
      cause: error,
    },
  );
}

function meaningOf(system: NodeJS.ErrnoException): [name: string, ...(typeof KNOWN)[string]] | null {
  const name = errnoName(system);
  if (name !== null) return [name, ...(KNOWN[name] ?? ['STORE_IO', wordsOf(system, name), REMEDY])];
  const { code = '' } = system ?? {};
  if (code === 'ERR_ACCESS_DENIED') return [code, ...NOT_ALLOWED];
  if (!TOO_LARGE.includes(code)) return null;
  return [code, 'STORE_IO', 'it is larger than this program can read', 'Make it smaller, or move it away.'];
}

/** Node's message where Node knows the error; its "Unknown system error -524" would only confuse. */
function wordsOf(system: NodeJS.ErrnoException, name: string): string {
  return system.code === name ? system.message : `the system failed with error number ${Math.abs(system.errno ?? 0)}`;
}
