import fs from 'node:fs';
import { dirname } from 'node:path';
import type { Belonging, OpenDirectory } from './host.ts';

const { O_RDONLY } = fs.constants;
// Absent on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;
/** Linux: a descriptor that stands for the directory and needs no permission to read it. Node does not name it. */
const O_PATH = 0o10000000;

let descriptorPaths: boolean | undefined;

/** Whether `/proc/self/fd/N/name` leads to a name in the directory that is open as N. */
function hasDescriptorPaths(): boolean {
  descriptorPaths ??= process.platform === 'linux' && fs.existsSync('/proc/self/fd/');
  return descriptorPaths;
}

/**
 * Opens a directory, and no link in its place.
 *
 * Node has no `openat`. On Linux `/proc/self/fd/N/name` does what `openat` does. Elsewhere the path itself is all there
 * is: it is checked just before it is used, and a user who is quick enough can replace the directory in between.
 */
export function openDirectory(path: string): OpenDirectory {
  if (process.platform === 'win32') {
    if (fs.lstatSync(path).isDirectory()) return { fd: -1, at: path, place: fs.realpathSync.native(path) };
    throw Object.assign(new Error(`ENOTDIR: not a directory, open '${path}'`), { code: 'ENOTDIR', path });
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
 * Makes a directory that has its mode, whatever the umask is, and its owner before it has its name: else another process
 * comes between and is denied. False if something has the name already. (Of two processes that make it at once, one's
 * empty directory may take the place of the other's, which is no other.)
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
 * Sets mode and owner by a descriptor: another user who may write around the directory can put something else in its
 * place. An empty directory of ours is as good as the one that was made; anything else is refused.
 */
function prepare(directory: string, mode: number, belonging?: Belonging | null): void {
  const fd = fs.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const isOurs = fs.fstatSync(fd).uid === process.geteuid?.();
    const isEmpty = fs.readdirSync(hasDescriptorPaths() ? `/proc/self/fd/${fd}` : directory).length === 0;
    if (!isOurs || !isEmpty) throw notPermitted('it was replaced while it was made', directory);
    give(fd, belonging);
    fs.fchmodSync(fd, mode);
    // The kernel drops setgid, and says nothing, where its owner is not of the group.
    if ((mode & 0o2000) !== 0 && (fs.fstatSync(fd).mode & 0o2000) === 0)
      throw notPermitted('not of its group', directory);
  } finally {
    fs.closeSync(fd);
  }
}

function notPermitted(why: string, path: string): Error {
  return Object.assign(new Error(`EPERM: ${why}, '${path}'`), { code: 'EPERM', path });
}

function renameToFree(from: string, to: string): boolean {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function removeLeftover(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch {
    // An empty directory harms nobody; `lockstep doctor --fix` removes it.
  }
}

/** Gives an open file or directory to whom it is to belong. `chown` clears what `chmod` sets: so it comes first. */
export function give(fd: number, belonging: Belonging | null | undefined): void {
  if (!belonging) return;
  const { uid, gid } = fs.fstatSync(fd);
  const wanted = belonging.uid ?? uid;
  if (uid !== wanted || gid !== belonging.gid) fs.fchownSync(fd, wanted, belonging.gid);
}
