import fs from 'node:fs';
import { dirname } from 'node:path';
import { systemError, unlessErrno } from './errno.ts';
import type { Belonging, OpenDirectory } from './host.ts';

const { O_RDONLY } = fs.constants;
// Absent on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;
/** Linux: a descriptor of the directory that needs no permission to read it. Node has no name for this flag. */
const O_PATH = 0o10000000;

let descriptorPaths: boolean | undefined;

/** Whether `/proc/self/fd/N/name` is a name in the directory that is open as N. */
function hasDescriptorPaths(): boolean {
  descriptorPaths ??= process.platform === 'linux' && arePermitted('/proc/self/fd/') && fs.existsSync('/proc/self/fd/');
  return descriptorPaths;
}

/** Node's permissions go by the text of a path: a descriptor's paths are not among a store's. */
function arePermitted(paths: string): boolean {
  const { permission } = process as { permission?: { has(scope: string, path: string): boolean } };
  return !permission || ['fs.read', 'fs.write'].every((scope) => permission.has(scope, paths));
}

/**
 * Opens a directory, and never follows a link in its place.
 *
 * Node has no `openat`. On Linux `/proc/self/fd/N/name` does the same. Elsewhere there is only the path: it is checked
 * just before each use, and another user who is quick enough can replace the directory in between.
 */
export function openDirectory(path: string): OpenDirectory {
  if (process.platform === 'win32') {
    if (fs.lstatSync(path).isDirectory()) return { fd: -1, at: path, place: fs.realpathSync.native(path) };
    throw systemError('ENOTDIR', `not a directory, open '${path}'`, { path });
  }
  const isPinned = hasDescriptorPaths();
  const fd = fs.openSync(path, O_DIRECTORY | O_NOFOLLOW | (isPinned ? O_PATH : O_RDONLY));
  try {
    return isPinned
      ? { fd, at: `/proc/self/fd/${fd}`, place: fs.readlinkSync(`/proc/self/fd/${fd}`) }
      : { fd, at: path, place: fs.realpathSync.native(path) };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/**
 * Makes a directory that has its mode, whatever the umask is, and its owner before it has its name: otherwise another
 * process could find it in between and be denied. False if something has the name already. (If two processes make it at
 * once, the empty directory of one may replace the other's: they are the same.)
 */
export function makePrepared(path: string, mode: number, belonging?: Belonging | null): boolean {
  if (fs.lstatSync(path, { throwIfNoEntry: false })) return false;
  const directory = fs.mkdtempSync(`${dirname(path)}/.make.`);
  let isMade = false;
  try {
    prepare(directory, mode, belonging);
    isMade = renameToFree(directory, path);
  } finally {
    if (!isMade) removeLeftover(directory);
  }
  return isMade;
}

/**
 * Sets mode and owner by a descriptor, because another user who may write around the directory can replace it. An empty
 * directory of this user is as good as the one that was made; anything else is refused.
 */
function prepare(directory: string, mode: number, belonging?: Belonging | null): void {
  const fd = fs.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const isOurs = fs.fstatSync(fd).uid === process.geteuid?.();
    const isEmpty = fs.readdirSync(hasDescriptorPaths() ? `/proc/self/fd/${fd}` : directory).length === 0;
    if (!isOurs || !isEmpty) throw notPermitted('it was replaced while it was being made', directory);
    give(fd, belonging);
    fs.fchmodSync(fd, mode);
    // The kernel drops setgid without an error where the owner is not of the group.
    if ((mode & 0o2000) !== 0 && (fs.fstatSync(fd).mode & 0o2000) === 0)
      throw notPermitted('not of its group', directory);
  } finally {
    fs.closeSync(fd);
  }
}

function notPermitted(why: string, path: string): Error {
  return systemError('EPERM', `${why}, '${path}'`, { path });
}

/** False if something has the name already. */
function renameToFree(from: string, to: string): boolean {
  return unlessErrno(['EEXIST', 'ENOTEMPTY', 'ENOTDIR'], false, () => {
    fs.renameSync(from, to);
    return true;
  });
}

function removeLeftover(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch {
    // An empty directory is harmless.
  }
}

/** Gives an open file or directory its owner and group. To be called before `chmod`: `chown` clears set-id bits. */
export function give(fd: number, belonging: Belonging | null | undefined): void {
  if (!belonging) return;
  const { uid, gid } = fs.fstatSync(fd);
  const wanted = belonging.uid ?? uid;
  if (uid !== wanted || gid !== belonging.gid) fs.fchownSync(fd, wanted, belonging.gid);
}
