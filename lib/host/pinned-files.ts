import { ABSENT, isErrno, systemError, unlessErrno } from './errno.ts';
import type { Belonging, Files, Host, OpenDirectory } from './host.ts';

/** The place of a store at its last check. */
export interface Ground {
  /** The store's place, all links resolved; null if it is not there. */
  readonly place: string | null;
  /** The owner and group of everything that is made in it; undefined: those of the process that makes it. */
  readonly belonging: Belonging | undefined;
  /** Whether no other user but root can replace a directory in the store, or above it. */
  readonly isPrivate: boolean;
  /** Checks the store as opening it does. Makes nothing. */
  check(): void;
  /** Whether the checked directory itself has been moved; then `place` is its new place. */
  hasMoved(): boolean;
}

/** How often other processes may replace a directory while it is opened: each that makes the store at the same moment does so at most once. */
const MAX_ROUNDS = 100;

/** A store whose files may be changed. A store without a ground is a test's, and is used as it is. */
export interface Grounded {
  path: string;
  ground?: Ground;
}

/** The host, except that it changes files in this store through pinned directories. */
export function pinnedHost(host: Host, store: Grounded): Host {
  return store.ground ? { ...host, files: pinnedFiles(host.files, store.path, store.ground) } : host;
}

/**
 * Files of a store in which other users may write.
 *
 * A user who may write in a store, or around it, can replace one of its directories by a link to another place. A name
 * that was checked then leads elsewhere:
 *   1. root checks that `sessions` is a directory;
 *   2. the store's owner replaces it by a link to `/etc/cron.d`;
 *   3. root removes `sessions/10-backup`.
 * So every name is created, opened for writing, renamed or removed through a descriptor of its directory, and only
 * after the kernel has confirmed that this directory is the one in the store. Calls that only read use the path, and so do
 * all where no other user but root can replace a directory of the store (`Ground.isPrivate`).
 *
 * New files belong to the store's owner, unless the caller passes `null`: then to this process's user.
 *
 * Errors have the paths in the store, not those through the descriptor.
 */
export function pinnedFiles(files: Files, store: string, ground: Ground): Files {
  function within<T>(path: string, call: (pinned: string) => T): T {
    // Not in the store: there is no directory to compare it with.
    if (!path.startsWith(`${store}/`)) return call(path);
    // No other user can redirect the path; a pin takes three system calls.
    if (ground.isPrivate) return call(path);
    const cut = path.lastIndexOf('/');
    const directory = pin(files, store, ground, path.slice(0, cut));
    try {
      return call(`${directory.at}${path.slice(cut)}`);
    } catch (error) {
      throw withRealPath(error, directory.at, path.slice(0, cut));
    } finally {
      closeQuietly(files, directory);
    }
  }

  /** Two names in one directory share one descriptor. */
  function withinBoth<T>(from: string, to: string, call: (from: string, to: string) => T): T {
    const cut = from.lastIndexOf('/') + 1;
    const isOne = from.slice(0, cut) === to.slice(0, to.lastIndexOf('/') + 1);
    return within(from, (one) =>
      isOne
        ? call(one, `${one.slice(0, one.lastIndexOf('/') + 1)}${to.slice(cut)}`)
        : within(to, (other) => call(one, other)),
    );
  }

  return {
    ...files,
    openForAppend: (path) => within(path, (pinned) => files.openForAppend(pinned)),
    openForWriting: (path) => within(path, (pinned) => files.openForWriting(pinned)),
    create: (path, mode, belonging = ground.belonging) =>
      within(path, (pinned) => files.create(pinned, mode, belonging)),
    makeDirectory: (path, mode, belonging = ground.belonging) =>
      within(path, (pinned) => files.makeDirectory(pinned, mode, belonging)),
    link: (from, to) => withinBoth(from, to, files.link),
    rename: (from, to) => withinBoth(from, to, files.rename),
    makeFifo: (path, mode, belonging = ground.belonging) =>
      within(path, (pinned) => files.makeFifo(pinned, mode, belonging)),
    openFifo: (path) => within(path, (pinned) => files.openFifo(pinned)),
    remove: (path) => unlessErrno(ABSENT, false, () => within(path, (pinned) => files.remove(pinned))),
    removeDirectory: (path) =>
      unlessErrno(ABSENT, false, () => within(path, (pinned) => files.removeDirectory(pinned))),
    touch: (path) => unlessErrno(ABSENT, false, () => within(path, (pinned) => files.touch(pinned))),
    list: (directory) =>
      unlessErrno(['ENOENT'], null, () => within(`${directory}/`, (pinned) => files.list(pinned.slice(0, -1)))),
  };
}

/**
 * Opens a directory of the store. Another process may make or delete the store at the same moment: then the opened
 * directory is not at the place of the last check, and another round distinguishes that from a link.
 *
 * @throws the system's error; `ELOOP` if a link leads to another place
 */
function pin(files: Files, store: string, ground: Ground, directory: string): OpenDirectory {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const opened = openNoLink(files, directory);
    if (isInPlace(opened, ground, directory.slice(store.length), files)) return opened;
    closeQuietly(files, opened);
  }
  if (files.look(directory) === null) throw systemError('ENOENT', `it is gone, '${directory}'`, { path: directory });
  throw systemError('ELOOP', `a link leads to another place than the store, '${directory}'`, { path: directory });
}

function isInPlace(opened: OpenDirectory, ground: Ground, within: string, files: Files): boolean {
  const isThere = () => opened.place === `${ground.place}${within}`;
  try {
    // After the opening: before it there may have been no store.
    if (ground.place === null) ground.check();
    return isThere() || (ground.hasMoved() && isThere());
  } catch (error) {
    closeQuietly(files, opened);
    throw error;
  }
}

function openNoLink(files: Files, directory: string): OpenDirectory {
  try {
    return files.openDirectory(directory);
  } catch (error) {
    // Linux reports ENOTDIR for a link too.
    if (isErrno(error, 'ENOTDIR') && files.look(directory)?.kind === 'link')
      throw systemError('ELOOP', `it is a symbolic link, '${directory}'`, { path: directory });
    throw error;
  }
}

function closeQuietly(files: Files, directory: OpenDirectory): void {
  try {
    files.closeDirectory(directory);
  } catch {
    // Nothing was written through it.
  }
}

/**
 * Puts the directory's own path into an error: the descriptor's number is reused by the time that the error is read.
 */
export function withRealPath(error: unknown, at: string, directory: string): unknown {
  const system = error as NodeJS.ErrnoException & { dest?: string };
  if (!(error instanceof Error) || at === directory) return error;
  const real = (text: string) =>
    text === at ? directory : text.replaceAll(`${at}/`, `${directory}/`).replaceAll(`'${at}'`, `'${directory}'`);
  system.message = real(system.message);
  if (system.stack !== undefined) system.stack = real(system.stack);
  if (system.path !== undefined) system.path = real(system.path);
  if (system.dest !== undefined) system.dest = real(system.dest);
  return error;
}
