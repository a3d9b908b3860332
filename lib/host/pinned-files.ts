import { ABSENT, isErrno, systemError, unlessErrno } from './errno.ts';
import type { Belonging, Files, Host, OpenDirectory } from './host.ts';

/** Where a store is, as it was found when it was last checked. */
export interface Ground {
  /** The store's place, all links resolved; null if it is not there. */
  readonly place: string | null;
  /** Whom everything that is made in it is given to; undefined: whoever makes it keeps it. */
  readonly belonging: Belonging | undefined;
  /** Whether no other user but root can replace a directory in the store, or above it. */
  readonly isPrivate: boolean;
  /** Checks the store as if it were opened now. Makes nothing. */
  check(): void;
  /** Whether the checked directory itself has been moved; `place` is the new place then. */
  hasMoved(): boolean;
}

/** What is needed of a store to change files in it. A store without a ground is a test's, and is used as it is. */
export interface Grounded {
  path: string;
  ground?: Ground;
}

/** The host, whose files in this store are changed through pinned directories. */
export function pinnedHost(host: Host, store: Grounded): Host {
  return store.ground ? { ...host, files: pinnedFiles(host.files, store.path, store.ground) } : host;
}

/**
 * Files of a store in which other users may write.
 *
 * Whoever may write in a store, or around it, may replace one of its directories by a link to another place. A name that
 * was checked leads elsewhere then:
 *   1. root checks that `sessions` is a directory;
 *   2. the store's owner replaces it by a link to `/etc/cron.d`;
 *   3. root removes `sessions/10-backup`.
 * So every name is created, opened for writing, renamed or removed by way of a descriptor of its directory, and only after
 * the kernel has said that this directory is the one in the store. What is read alone is read by its path.
 *
 * What is made belongs to the store's owner, unless the caller says `null`: then to the one who makes it.
 *
 * Errors have the paths in the store, not those by way of the descriptor.
 */
export function pinnedFiles(files: Files, store: string, ground: Ground): Files {
  function within<T>(path: string, call: (pinned: string) => T): T {
    // Not in the store: nothing is known of it.
    if (!path.startsWith(`${store}/`)) return call(path);
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

  /** In one directory both names are reached by one descriptor. */
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
    // Each hand-over touches a file, and to change its times is all it does: where no other user can turn it elsewhere, it
    // goes the short way.
    touch: (path) =>
      ground.isPrivate
        ? files.touch(path)
        : unlessErrno(ABSENT, false, () => within(path, (pinned) => files.touch(pinned))),
    list: (directory) =>
      unlessErrno(['ENOENT'], null, () => within(`${directory}/`, (pinned) => files.list(pinned.slice(0, -1)))),
  };
}

/**
 * Opens a directory of the store. Throws as a system call does: `ELOOP` where a link leads to another place.
 *
 * Another process may make or delete the store at the same moment: then the directory that was opened is not where the
 * store was found, and one look more tells that from a link.
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
    // Behind the opening: before it there may have been no store.
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
    // Linux says so of a link too.
    if (isErrno(error, 'ENOTDIR') && files.look(directory)?.kind === 'link')
      throw systemError('ELOOP', `it is a symbolic link, '${directory}'`, { path: directory });
    throw error;
  }
}

function closeQuietly(files: Files, directory: OpenDirectory): void {
  try {
    files.closeDirectory(directory);
  } catch {
    // Nothing was written by way of it.
  }
}

const MAX_ROUNDS = 3;

/** The descriptor's number is somebody else's by the time that the error is read. */
export function withRealPath(error: unknown, at: string, directory: string): unknown {
  const system = error as NodeJS.ErrnoException & { dest?: string };
  if (!(error instanceof Error) || at === directory) return error;
  const real = (text: string) => text.replaceAll(`${at}/`, `${directory}/`);
  system.message = real(system.message);
  if (system.stack !== undefined) system.stack = real(system.stack);
  if (system.path !== undefined) system.path = real(system.path);
  if (system.dest !== undefined) system.dest = real(system.dest);
  return error;
}
