import { LockstepError, StoreError } from '../errors.ts';
import { errnoName } from '../host/errno.ts';
import { storeErrorOf } from '../host/system-error.ts';

/** The operation and its file, for messages. `path` is the path as the caller gave it. */
export interface FileAct {
  operation: 'read' | 'replace' | 'write';
  path: string;
}

const UNCHANGED = 'It was not changed.';

/** The meanings for a file of system errors that `storeErrorOf` explains for a store. */
const MEANINGS: Record<string, [code: string, message: string]> = {
  ENOENT: ['FILE_MISSING', 'there is no such file. Make it first, with the JSON to start from.'],
  ENOTDIR: ['FILE_MISSING', 'there is no such file: a part of its path is not a directory.'],
  ELOOP: ['FILE_MISSING', 'its symbolic links lead in a circle, or it has just become a link.'],
  EBUSY: [
    'FILE_MOUNTED',
    'it is a mount point, as a file that is bind-mounted into a container is, and cannot be replaced there. Mount its directory instead of the file.',
  ],
  ETXTBSY: ['FILE_DENIED', 'it is a program that is running.'],
  EROFS: ['FILE_DENIED', 'it is on a read-only file system.'],
};

export function fileError(code: string, { operation, path }: FileAct, message: string, cause?: unknown): StoreError {
  return new StoreError(code, `${path}: ${message}`, { operation, resource: path, path, cause });
}

/** Turns a system error on the file into a `StoreError`; returns any other exception as it is. */
export function fileErrorOf(error: unknown, act: FileAct): unknown {
  if (error instanceof LockstepError || typeof (error as NodeJS.ErrnoException)?.code !== 'string') return error;
  const code = errnoName(error) ?? '';
  if (code === 'ENOENT' && act.operation === 'write')
    return fileError(
      'FILE_MISSING',
      act,
      'cannot be written: its directory is not there, or it is a link that leads nowhere.',
      error,
    );
  const [meaning, message] = MEANINGS[code] ?? [];
  if (meaning && message)
    return fileError(meaning, act, act.operation === 'replace' ? `${message} ${UNCHANGED}` : message, error);
  if (code === 'EACCES' || code === 'EPERM') return deniedError(act, error);
  // The path in the system's error may be one of a descriptor, or of a temporary file.
  const named = Object.assign(Object.create(error as Error), { path: act.path });
  return storeErrorOf(named, { operation: act.operation, path: act.path });
}

function deniedError(act: FileAct, error: unknown): StoreError {
  const { syscall } = error as NodeJS.ErrnoException;
  const remedy =
    act.operation === 'read'
      ? 'Check its owner and mode, and those of its directory.'
      : 'To replace a file, this process must be allowed to write it, and to create files in its directory. Check the owner and mode of both.';
  const suffix = act.operation === 'read' ? '' : ` ${UNCHANGED}`;
  return fileError(
    'FILE_DENIED',
    act,
    `permission denied (${errnoName(error)}, ${syscall ?? act.operation}). ${remedy}${suffix}`,
    error,
  );
}
