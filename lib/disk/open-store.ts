import path from 'node:path';
import { MisuseError, StoreError } from '../errors.ts';
import { absolute } from '../host/absolute-path.ts';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { checkMs, checkSwitch, isStoreLike, OptionNames } from '../options/option-names.ts';
import { Session } from '../session/session.ts';
import type { Store } from '../store/store.ts';
import { appendGuard } from './append-guard.ts';
import { DiskStore, type DiskStoreOptions } from './disk-store.ts';
import { guardedFiles } from './guarded-files.ts';
import { readOnlyHost } from './read-only-host.ts';
import { openDirectoryBeside, type WishesBeside } from './store-beside.ts';
import { findStoreDirectory, type StoreWishes, storePath } from './store-directory.ts';

/** How a store on disk is opened. All processes that use it must agree. */
export interface StoreOptions
  extends Pick<DiskStoreOptions, 'heartbeatMs' | 'patienceMs' | 'rotateBytes'>,
    StoreWishes {}

const OPTIONS = new OptionNames<StoreOptions>('openStore(directory, …)', {
  guarded: true,
  shared: true,
  heartbeatMs: true,
  patienceMs: true,
  rotateBytes: true,
});

/** Each process (or thread) has one session, in every store. */
let session: Session | undefined;
const open = new Map<string, DiskStore>();
const directories = new WeakMap<Store, StoreDirectory>();

function storeAt(place: string, find: () => StoreDirectory, options: StoreOptions): DiskStore {
  const known = open.get(place);
  if (known) return known;
  session ??= new Session(nodeHost);
  const directory = find();
  const pinned = pinnedHost(nodeHost, directory);
  const host = directory.guarded ? guardedHost(pinned, place, session) : pinned;
  const store = new DiskStore({ ...options, host, session, directory });
  open.set(place, store);
  directories.set(store, directory);
  return store;
}

/** @throws {StoreError} in a bundle, if proper-lockfile is not there: an unguarded append would destroy records of others */
function guardedHost(host: Host, place: string, { key }: Session): Host {
  try {
    return { ...host, files: guardedFiles(host.files, appendGuard(host), key) };
  } catch (cause) {
    throw new StoreError(
      'STORE_UNSUPPORTED',
      `the guarded store ${place} cannot be used by this program: a bundle does not contain the package proper-lockfile, which guards the appends. Install it beside the program, or leave lockstep out of the bundle.`,
      { operation: 'open the store', path: place, cause },
    );
  }
}

/**
 * Opens the store in a directory, which is created (mode 0700) at the first use of the store. Default: `$LOCKSTEP_DIR`,
 * or the user's own `~/.local/state/lockstep`. A process opens each store once; later options for it are ignored.
 *
 * Use it to give several resources a store other than the default one, or one with options: shared or guarded.
 *
 * A relative path is resolved by the working directory of this call.
 *
 * @throws {MisuseError} for a path that is empty, or begins with `~` or `$`, which no shell has expanded; for an unknown option;
 *   for a `$LOCKSTEP_DIR` that is not absolute: it would be another store in each working directory
 * @throws {StoreError} if the path leads to no directory or through a symbolic link, if the directory is another user's
 *   or writable for others (unless `shared`), or on a network file system (unless `guarded`). Nothing was changed then.
 *
 * @example
 * import { Lock, openStore } from 'lockstep';
 * const store = openStore('./locks');
 * await new Lock('deploy', { store }).withLock(() => console.log('held')); // prints held
 * console.log(await store.names()); // prints [ 'deploy' ]
 */
export function openStore(directory?: string, options: StoreOptions = {}): Store {
  checkOptions(options);
  const place = storePath(nodeHost, directory);
  return storeAt(place, () => findStoreDirectory(nodeHost, place, options), options);
}

/** @throws {MisuseError} */
function checkOptions(options: StoreOptions): void {
  OPTIONS.check(options);
  for (const name of ['guarded', 'shared'] as const) checkSwitch(name, options[name]);
  for (const name of ['heartbeatMs', 'patienceMs'] as const) checkMs(name, options[name]);
  const { rotateBytes } = options;
  if (rotateBytes !== undefined && !(typeof rotateBytes === 'number' && rotateBytes > 0))
    throw new MisuseError(`rotateBytes must be a number of bytes from 1 up, not ${String(rotateBytes)}`);
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

function storeBeside(file: string, wishes: WishesBeside): Store {
  const directory = path.join(path.dirname(absolute(file)), '.lockstep');
  return storeAt(directory, () => openDirectoryBeside(nodeHost, absolute(file), wishes), {});
}

/**
 * Opens the store that another process has, by its `store.place`.
 *
 * @internal
 */
export function reopenStore(place: string): Store {
  // The name `file` is arbitrary: only its directory counts.
  return path.basename(place) === '.lockstep'
    ? storeBeside(path.join(place, '..', 'file'), { reopened: true })
    : openStore(place);
}

/**
 * Returns the directory of a store on disk, for files that are kept beside its journals.
 *
 * @throws {MisuseError} if it is a store of another kind
 */
export function directoryOf(chosen: Store | string | undefined): StoreDirectory {
  const store = storeOf(chosenStore(chosen));
  const directory = directories.get(store);
  if (directory) return directory;
  throw new MisuseError('this needs a store on disk, as openStore() gives it, or the directory of one');
}

/**
 * Returns the directory of a store on disk for a caller that only reads, and a host that cannot write. So root may look at a store
 * that it would not use, because it is another user's.
 *
 * @throws {MisuseError} if it is a store of another kind
 * @throws {StoreError} if what is there cannot be trusted, or not be read
 */
export function readingOf(chosen: Store | string | undefined): { host: Host; directory: StoreDirectory } {
  if (chosen !== undefined && typeof chosen !== 'string') return { host: readOnlyHost, directory: directoryOf(chosen) };
  if (chosen === '') throw new MisuseError('the store directory must not be an empty string');
  const directory = findStoreDirectory(readOnlyHost, storePath(readOnlyHost, chosen), { looks: true });
  return { host: readOnlyHost, directory };
}

/**
 * Checks the store that an option names, and makes its path absolute: where it is must not change with the working directory
 * until it is opened.
 *
 * @throws {MisuseError}
 */
export function chosenStore(chosen: unknown): Store | string | undefined {
  if (chosen === undefined || isStoreLike(chosen)) return chosen as Store | undefined;
  if (typeof chosen === 'string') return storePath(nodeHost, chosen);
  throw new MisuseError(
    `store must be a store, as openStore() returns it, or the path of its directory, not ${chosen === null ? 'null' : typeof chosen}`,
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
