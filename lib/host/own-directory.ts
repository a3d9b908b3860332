import { systemError } from './errno.ts';
import type { FileFacts, Host } from './host.ts';
import type { Ground } from './pinned-files.ts';

/**
 * Refuses a path of the store that must be a directory and is not. A symbolic link there would lead every read
 * elsewhere.
 *
 * @throws a system error: `ELOOP` for a symbolic link, `ENOTDIR` for anything else
 */
export function checkOwnDirectory(host: Host, directory: string): void {
  const facts = host.files.look(directory);
  if (facts !== null) checkIsOwnDirectory(directory, facts);
}

/** Makes a directory of the store, unless it is there. @throws as `checkOwnDirectory` */
export function makeOwnDirectory(host: Host, directory: string, mode: number): void {
  host.files.makeDirectory(directory, mode);
  checkOwnDirectory(host, directory);
}

/** The same as `checkOwnDirectory` for a caller that has looked at it already. */
export function checkIsOwnDirectory(directory: string, facts: FileFacts): void {
  if (facts.kind === 'directory') return;
  const name = facts.kind === 'link' ? 'ELOOP' : 'ENOTDIR';
  throw systemError(name, `not a directory of the store, '${directory}'`, { path: directory });
}

/** A directory that is, or will be, fit to be a store. */
export interface StoreDirectory {
  readonly path: string;
  readonly directoryMode: number;
  readonly fileMode: number;
  /** Whether only this kernel can have it mounted. */
  readonly local: boolean;
  /** Whether appends run under a guard, because they are not atomic on the file system. */
  readonly guarded: boolean;
  /** Identifies the directory, to pin it while a file in it is changed. */
  readonly ground?: Ground;
  /** Checks it again, and makes it if it is missing. */
  remake: () => void;
}
