import path from 'node:path';
import { StoreError } from '../errors.ts';
import { systemError } from '../host/errno.ts';
import type { FileFacts, Host, OpenDirectory } from '../host/host.ts';
import { FUSE, networkFileSystem } from '../host/network-file-system.ts';

/** Whether every directory from a place up to the root can be changed by this user and root alone, as far as this process may see. */
export function isPrivate(host: Host, place: string): boolean {
  const trusted = [host.processes.uid(), 0];
  const facts = lookOrNull(host, place);
  if (facts?.kind !== 'directory' || !trusted.includes(facts.uid)) return false;
  // In a sticky directory others cannot rename what is not theirs.
  if ((facts.mode & 0o022) !== 0 && (facts.mode & 0o1000) === 0) return false;
  const parent = path.dirname(place);
  return parent === place || isPrivate(host, parent);
}

/** Null also if it may not be looked at: Node's permissions may allow the store alone. */
function lookOrNull(host: Host, place: string): FileFacts | null {
  try {
    return host.files.look(place);
  } catch {
    return null;
  }
}

/** Whether only this kernel can have it mounted. @throws {StoreError} if appends there do not stay whole */
export function isLocal(host: Host, store: string, directory: string, guarded: boolean): boolean {
  const type = host.files.fileSystemType(directory);
  const network = networkFileSystem(type);
  if (network !== undefined && !guarded) {
    throw new StoreError(
      'STORE_NETWORK',
      `the store ${store} is on a network file system (${network}), where appends are not atomic. Choose a local directory ({ store } or $LOCKSTEP_DIR); or, if several machines must share it, read of guarded stores in docs/guarantees.md and set LOCKSTEP_GUARDED=1.`,
      { operation: 'open', path: store },
    );
  }
  return type !== null && type !== FUSE && network === undefined;
}

/** The nearest directory above a path that is there. */
export function nearest(host: Host, directory: string): string {
  const parent = path.dirname(directory);
  const found = host.files.look(parent);
  if (found === null && parent !== directory) return nearest(host, parent);
  if (found?.kind === 'directory' || found?.kind === 'link') return parent;
  // Without a path of its own: the message is about the store.
  throw systemError('ENOTDIR', `not a directory, '${parent}'`);
}

/** The facts of the directory at a path. @throws if there is none. */
export function directoryAt(host: Host, directory: string): FileFacts {
  const facts = host.files.look(directory);
  if (facts === null) throw goneError(directory);
  if (facts.kind === 'link') throw refusal(directory, 'it is a symbolic link');
  if (facts.kind !== 'directory') throw refusal(directory, 'it is not a directory');
  return facts;
}

/** The facts of an open directory. (On Windows there are no descriptors of directories.) */
export function factsOf(host: Host, directory: string, { fd }: OpenDirectory): FileFacts {
  return fd === -1 ? directoryAt(host, directory) : host.files.facts(fd);
}

export function modeText(facts: FileFacts): string {
  return `0${facts.mode.toString(8)}`;
}

export function refusal(directory: string, why: string): StoreError {
  return new StoreError(
    'STORE_UNSAFE',
    `the store ${directory} cannot be trusted: ${why}. Nothing was changed. Fix that, or choose another store ({ store } or $LOCKSTEP_DIR).`,
    {
      operation: 'open',
      path: directory,
    },
  );
}

export function goneError(path: string): Error {
  return systemError('ENOENT', 'it is gone', { path });
}
