import path from 'node:path';
import {
  checkStoreOptions,
  openedDirectory,
  type StoreOptions,
  storeBeside,
  storeInDirectory,
} from '../disk/opened-stores.ts';
import { readOnlyHost } from '../disk/read-only-host.ts';
import { findStoreDirectory, storePath } from '../disk/store-directory.ts';
import { MisuseError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { isStoreLike } from '../options/option-names.ts';
import type { Records } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { companionOf, companionToRead } from './companion.ts';
import { remoteStore } from './remote-store.ts';
import { isUrl, storeUrl } from './store-url.ts';

export type { StoreOptions } from '../disk/opened-stores.ts';

/**
 * Opens a store: in a directory, which is created (mode 0700) at the first use of the store, or on etcd, named by a URL
 * (`etcd://host:2379/prefix`). Default: `$LOCKSTEP_STORE`, else `$LOCKSTEP_DIR`, else the user's own
 * `~/.local/state/lockstep`. A process opens each store once; later options for it are ignored. The options are those of a
 * directory.
 *
 * Use it to give several resources a store other than the default one, or one with options: shared or guarded.
 *
 * A relative path is resolved by the working directory of this call. A URL's servers are connected to at the first use.
 *
 * @throws {MisuseError} for a path that is empty, or begins with `~` or `$`, which no shell has expanded; for a URL that contains a
 *   password, or is of an engine that Lockstep does not know; for an unknown option; for a `$LOCKSTEP_STORE` or `$LOCKSTEP_DIR`
 *   that is a relative path: it would be another store in each working directory
 * @throws {StoreError} if the path leads to no directory or through a symbolic link, if the directory is another user's
 *   or writable for others (unless `shared`), or on a network file system (unless `guarded`). Nothing was changed then.
 *
 * @example
 * import { Lock, openStore } from 'lockstep';
 * const store = openStore('./locks');
 * await new Lock('deploy', { store }).withLock(() => console.log('held')); // prints held
 * console.log(await store.names()); // prints [ 'deploy' ]
 */
export function openStore(place?: string, options: StoreOptions = {}): Store {
  checkStoreOptions(options);
  const chosen = storeUrl(place) ?? storePath(nodeHost, place);
  if (!isUrl(chosen)) return storeInDirectory(chosen, options);
  const [given] = Object.keys(options);
  if (given !== undefined)
    throw new MisuseError(`openStore: ${given} is an option of a store on disk, not of ${chosen}`);
  return remoteStore(chosen);
}

/**
 * Opens the store in the directory `.lockstep` beside a file, so that every user who can edit the file shares its lock.
 * The directory is created at the first use of the store.
 *
 * Use it for resources that belong to a file; a `JsonFile` uses it by itself.
 *
 * @throws {MisuseError} for a path that is empty
 * @throws {StoreError} if an existing `.lockstep` cannot be trusted
 *
 * @example
 * import { Lock, openStoreBeside } from 'lockstep';
 * const store = openStoreBeside('ticket.json');
 * await new Lock('ticket.json', { store }).withLock(() => console.log('held')); // prints held
 */
export function openStoreBeside(file: string): Store {
  if (typeof file !== 'string' || file === '') throw new MisuseError('openStoreBeside takes the path of a file');
  return storeBeside(file, {});
}

/**
 * Opens the store that another process has, by its `store.place`.
 *
 * @internal
 */
export function reopenStore(place: string): Store {
  // The name `file` is arbitrary: only its directory counts.
  return path.basename(place) === '.lockstep' && !isUrl(place)
    ? storeBeside(path.join(place, '..', 'file'), { reopened: true })
    : openStore(place);
}

/**
 * Returns the directory of a store on this machine, for files that are kept beside its journals. A store on servers has one, too:
 * for what is this machine's own.
 *
 * @throws {MisuseError} if it is a store that was not opened here
 * @throws {StoreError} if what is there cannot be trusted
 */
export function directoryOf(chosen: Store | string | undefined): StoreDirectory {
  const store = storeOf(chosenStore(chosen));
  const directory = openedDirectory(store);
  if (directory) return directory;
  if (isUrl(store.place)) return companionOf(store.place);
  throw new MisuseError(`this needs a store as openStore() gives it, or its URL, or its directory, not ${store.place}`);
}

/**
 * Returns the same for a caller that only reads, and a host that cannot write. So root may look at a store that it would not use,
 * because it is another user's.
 *
 * @throws {MisuseError} if it is a store that was not opened here
 * @throws {StoreError} if what is there cannot be trusted, or not be read
 */
export function readingOf(chosen: Store | string | undefined): { host: Host; directory: StoreDirectory } {
  if (chosen !== undefined && typeof chosen !== 'string') return { host: readOnlyHost, directory: directoryOf(chosen) };
  if (chosen === '') throw new MisuseError('the store directory must not be an empty string');
  const url = storeUrl(chosen);
  if (url !== null) return { host: readOnlyHost, directory: companionToRead(readOnlyHost, url) };
  const directory = findStoreDirectory(readOnlyHost, storePath(readOnlyHost, chosen), { looks: true });
  return { host: readOnlyHost, directory };
}

/** A store's records, and the directory on this machine that they are fetched to. */
export interface OpenRecords {
  readonly store: Store;
  readonly records: Records;
  readonly directory: StoreDirectory;
}

/** Returns the records of a store on servers; null for one on disk, which is not opened for that. */
export function recordsOf(chosen: Store | string | undefined): OpenRecords | null {
  const store = typeof chosen === 'object' ? chosen : storeUrl(chosen) === null ? null : storeOf(chosen);
  return store?.records ? { store, records: store.records, directory: directoryOf(store) } : null;
}

/**
 * Checks the store that an option names, and makes its path absolute: where it is must not change with the working directory
 * until it is opened.
 *
 * @throws {MisuseError}
 */
export function chosenStore(chosen: unknown): Store | string | undefined {
  if (chosen === undefined || isStoreLike(chosen)) return chosen as Store | undefined;
  if (typeof chosen === 'string') return storeUrl(chosen) ?? storePath(nodeHost, chosen);
  throw new MisuseError(
    `store must be a store, as openStore() returns it, or its URL, or the path of its directory, not ${chosen === null ? 'null' : typeof chosen}`,
  );
}

/** Opens the store that `chosenStore` returned. */
export function storeOf(chosen: Store | string | undefined): Store {
  if (chosen === undefined) return defaultStore();
  return typeof chosen === 'string' ? openStore(chosen) : chosen;
}

/** Returns the same `openStore()` each time: the environment is read once. */
export function defaultStore(): Store {
  fallback ??= openStore();
  return fallback;
}

let fallback: Store | undefined;
