import path from 'node:path';
import { MisuseError } from '../errors.ts';
import { absolute } from '../host/absolute-path.ts';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { Session } from '../session/session.ts';
import type { Store } from '../store/store.ts';
import { appendGuard } from './append-guard.ts';
import { DiskStore, type DiskStoreOptions } from './disk-store.ts';
import { guardedFiles } from './guarded-files.ts';
import { openDirectoryBeside, type WishesBeside } from './store-beside.ts';
import { findStoreDirectory, type StoreWishes, storePath } from './store-directory.ts';

export interface StoreOptions
  extends Pick<DiskStoreOptions, 'heartbeatMs' | 'patienceMs' | 'rotateBytes'>,
    StoreWishes {}

/** One session a process (or thread), in every store. */
let session: Session | undefined;
const open = new Map<string, DiskStore>();
const directories = new WeakMap<Store, StoreDirectory>();

function storeAt(place: string, find: () => StoreDirectory, options: StoreOptions): DiskStore {
  const known = open.get(place);
  if (known) return known;
  session ??= new Session(nodeHost);
  const directory = find();
  const pinned = pinnedHost(nodeHost, directory);
  const host = directory.guarded ? guardedHost(pinned, session) : pinned;
  const store = new DiskStore({ ...options, host, session, directory });
  open.set(place, store);
  directories.set(store, directory);
  return store;
}

function guardedHost(host: Host, { key }: Session): Host {
  return { ...host, files: guardedFiles(host.files, appendGuard(host), key) };
}

/**
 * The store in a directory. If it is not there it is made (0700) when something in it is first asked for. Default: `$LOCKSTEP_DIR`, or the user's own
 * `~/.local/state/lockstep`. One process has one of each; later options for the same one are not heard.
 *
 * @throws {StoreError} if it is not a directory, a symbolic link, another user's or writable for others (unless it is
 *   asked to be shared), or on a network file system (unless it is asked to be guarded). Nothing was changed then.
 */
export function openStore(directory?: string, options: StoreOptions = {}): Store {
  if (directory === '') throw new MisuseError('the store directory must not be an empty string');
  const place = storePath(nodeHost, directory);
  return storeAt(place, () => findStoreDirectory(nodeHost, place, options), options);
}

/**
 * The store that lives beside a file, in `.lockstep`, so that whoever can edit the file shares its lock. It is made when
 * something in it is first asked for.
 *
 * @throws {StoreError} if what is there cannot be trusted
 */
export function openStoreBeside(file: string): Store {
  return storeBeside(file, {});
}

function storeBeside(file: string, wishes: WishesBeside): Store {
  const directory = path.join(path.dirname(absolute(file)), '.lockstep');
  return storeAt(directory, () => openDirectoryBeside(nodeHost, absolute(file), wishes), {});
}

/**
 * The same store as another process's `store.place` is.
 *
 * @internal
 */
export function reopenStore(place: string): Store {
  // Any file's name will do: only its directory counts.
  return path.basename(place) === '.lockstep'
    ? storeBeside(path.join(place, '..', 'file'), { reopened: true })
    : openStore(place);
}

/**
 * The directory of a store on disk, for what is kept in files beside its journals.
 *
 * @throws {MisuseError} if it is a store of another kind
 */
export function directoryOf(chosen: Store | string | undefined): StoreDirectory {
  const store = chosen === undefined ? defaultStore() : typeof chosen === 'string' ? openStore(chosen) : chosen;
  const directory = directories.get(store);
  if (directory) return directory;
  throw new MisuseError('this needs a store on disk, as openStore() gives it, or the directory of one');
}

/** `openStore()`, remembered: the environment is read once. */
export function defaultStore(): Store {
  fallback ??= openStore();
  return fallback;
}

let fallback: Store | undefined;
