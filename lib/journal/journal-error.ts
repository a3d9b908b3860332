import { StoreError } from '../errors.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { UnsureError } from './epoch.ts';
import { HeaderError } from './epoch-header.ts';

/** A journal's resource and place, for messages. */
export interface JournalPlace {
  subject: string;
  directory: string;
}

/** Turns a failure of a journal into the error that states subject, place, cause and remedy. */
export function journalFailure(place: JournalPlace, operation: string, error: unknown): unknown {
  if (error instanceof HeaderError) return headerError(place, error);
  if (error instanceof UnsureError) return unsureError(place, error);
  return storeErrorOf(error, { operation, resource: place.subject, path: place.directory });
}

export function journalError(place: JournalPlace, code: string, message: string, cause?: unknown): StoreError {
  const { subject, directory } = place;
  return new StoreError(code, `${subject}: its journal in ${directory} cannot be used: ${message}`, {
    resource: subject,
    path: directory,
    cause,
  });
}

/** The error for a resource that is not there any more, or has become another one. */
export function goneError(place: JournalPlace): StoreError {
  return journalError(place, 'STORE_GONE', 'it has been deleted or forgotten. Try again');
}

/** The error for a directory that has the journal of another name. */
export function otherNameError({ subject, directory }: JournalPlace, found: string): StoreError {
  return new StoreError(
    'STORE_UNSAFE',
    `${subject}: ${directory} is the directory of ${found}. Is upper and lower case the same on this file system? Use another name.`,
    { operation: 'open', resource: subject, path: directory },
  );
}

function headerError(place: JournalPlace, error: HeaderError): StoreError {
  const remedy =
    error.code === 'STORE_FORMAT'
      ? 'Use one version of Lockstep everywhere. If nobody uses the older one any more, move the directory away.'
      : 'Nothing was changed. If nobody uses it, move the directory away.';
  return journalError(place, error.code, `${error.message}. ${remedy}`, error);
}

function unsureError({ subject, directory }: JournalPlace, { cause }: UnsureError): StoreError {
  const known = storeErrorOf(cause, { operation: 'write', resource: subject, path: directory }) as Error;
  return new StoreError(
    'STORE_UNSURE',
    `${known.message} It could not be read back either, so it is not known whether the record counts. Look, before you do it again.`,
    { operation: 'write', resource: subject, path: directory, cause },
  );
}
