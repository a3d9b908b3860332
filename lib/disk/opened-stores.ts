import path from 'node:path';
import { MisuseError, StoreError } from '../errors.ts';
import type { HintPlace } from '../file/attribute-hint.ts';
import { absolute } from '../host/absolute-path.ts';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { checkMs, checkSwitch, OptionNames } from '../options/option-names.ts';
import { Session } from '../session/session.ts';
import type { Store } from '../store/store.ts';
import { appendGuard } from './append-guard.ts';
import { DiskStore, type StoreTraits } from './disk-store.ts';
import { guardedFiles } from './guarded-files.ts';
import { HintFile } from './hint-file.ts';
import { openDirectoryBeside, type WishesBeside } from './store-beside.ts';
import { findStoreDirectory, type StoreWishes } from './store-directory.ts';

/** How a store on disk is opened. All processes that use it must agree. */
export interface StoreOptions extends StoreTraits, StoreWishes {}

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

/** The store on disk at a path. A process opens each once; later options for it are ignored. @throws {StoreError} */
export function storeInDirectory(place: string, options: StoreOptions): Store {
  return storeAt(place, () => findStoreDirectory(nodeHost, place, options), options);
}

/** The store beside a file. @throws {StoreError} */
export function storeBeside(file: string, wishes: WishesBeside): Store {
  const directory = path.join(path.dirname(absolute(file)), '.lockstep');
  return storeAt(directory, () => openDirectoryBeside(nodeHost, absolute(file), wishes), {});
}

/** Closes a store that was opened here, and forgets it: its directory may be removed then. */
export function discardStore(store: Store): void {
  void store.close();
  for (const [place, one] of open) if (one === store) open.delete(place);
}

/** The directory of a store that was opened here; undefined if it is of another kind. */
export function openedDirectory(store: Store): StoreDirectory | undefined {
  return directories.get(store);
}

/**
 * Returns the place of the hint about a file, by the name of its lock. Undefined in a store in which other users may write: a process
 * that believed a false hint of theirs would drop the file's access list.
 */
export function hintPlaceIn(store: Store, name: string): HintPlace | undefined {
  const directory = directories.get(store);
  return directory?.ground?.isPrivate && !directory.guarded ? new HintFile(nodeHost, directory, name) : undefined;
}

/** The key of this process's session in a store that was opened here; null if it is of another kind. */
export function sessionIn(store: Store): string | null {
  return directories.has(store) ? (session?.key ?? null) : null;
}

/** @throws {MisuseError} */
export function checkStoreOptions(options: StoreOptions): void {
  OPTIONS.check(options);
  for (const name of ['guarded', 'shared'] as const) checkSwitch(name, options[name]);
  for (const name of ['heartbeatMs', 'patienceMs'] as const) checkMs(name, options[name]);
  const { rotateBytes } = options;
  if (rotateBytes !== undefined && !(typeof rotateBytes === 'number' && rotateBytes > 0))
    throw new MisuseError(`rotateBytes must be a number of bytes from 1 up, not ${String(rotateBytes)}`);
}

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
