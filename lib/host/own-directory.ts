import type { Host } from './host.ts';
import type { Ground } from './pinned-files.ts';

/**
 * Refuses a directory of the store's own that is none, or that a symbolic link has the place of: what is read in it
 * would be read elsewhere. Throws as a system call would.
 */
export function checkOwnDirectory(host: Host, directory: string): void {
  const facts = host.files.look(directory);
  if (facts === null || facts.kind === 'directory') return;
  const code = facts.kind === 'link' ? 'ELOOP' : 'ENOTDIR';
  throw Object.assign(new Error(`${code}: not a directory of the store, '${directory}'`), { code, path: directory });
}

/** A directory that is, or will be, fit to be a store. */
export interface StoreDirectory {
  readonly path: string;
  readonly directoryMode: number;
  readonly fileMode: number;
  /** Whether only this kernel can have it mounted. */
  readonly local: boolean;
  /** Whether appends need a guard, because the file system has none that stay whole. */
  readonly guarded: boolean;
  /** Which directory it is, for those who change something in it. */
  readonly ground?: Ground;
  /** Checks it again, and makes it if it is not there. */
  remake: () => void;
}
