import fs from 'node:fs';
import { ABSENT, unlessErrno } from './errno.ts';

const { O_RDONLY } = fs.constants;
// Absent on Windows.
const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const isWindows = process.platform === 'win32';

/**
 * An empty directory that this process made: to programs that lock with `mkdir`, its being there is the lock, and its time the
 * sign of life.
 *
 * It is held open, so no other directory gets its number: whether the one that has the name by now is still this one is
 * certain, and to refresh it never touches another. (Windows opens no directories, and gives no number twice.)
 */
export class LockDirectory {
  readonly path: string;
  readonly #fd: number;
  readonly #device: bigint;
  readonly #inode: bigint;
  #isClosed = false;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
    const { dev, ino } = fd === -1 ? fs.lstatSync(path, { bigint: true }) : fs.fstatSync(fd, { bigint: true });
    this.#device = dev;
    this.#inode = ino;
  }

  /** Makes it, with the mode that the umask leaves; null if something has the name already. */
  static make(path: string): LockDirectory | null {
    return unlessErrno(['EEXIST'], null, () => {
      fs.mkdirSync(path);
      const fd = isWindows ? -1 : fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return new LockDirectory(path, fd);
    });
  }

  /** The file that a path leads to, all links resolved. */
  static fileOf(path: string): string {
    return fs.realpathSync(path);
  }

  /** When the directory of that name, made by any program, was last refreshed, in ms since 1970; null if there is none. */
  static refreshedAt(path: string): number | null {
    return unlessErrno(ABSENT, null, () => fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null);
  }

  /** Removes the directory of that name, made by any program, if its time is still this one. False if it is not there as it was. */
  static removeIfFrom(path: string, refreshedAt: number): boolean {
    return unlessErrno(['ENOENT'], false, () => {
      if (LockDirectory.refreshedAt(path) !== refreshedAt) return false;
      fs.rmdirSync(path);
      return true;
    });
  }

  /** Whether it still has its name. */
  isThere(): boolean {
    return unlessErrno(ABSENT, false, () => {
      const found = fs.lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
      return found?.ino === this.#inode && found.dev === this.#device;
    });
  }

  /** Sets its time to now. */
  refresh(): void {
    const now = Date.now() / 1_000;
    if (this.#fd === -1) fs.utimesSync(this.path, now, now);
    else fs.futimesSync(this.#fd, now, now);
  }

  /** Removes it if it still has its name; false if it has not. */
  remove(): boolean {
    if (!this.isThere()) return false;
    fs.rmdirSync(this.path);
    return true;
  }

  /** It is not touched from now on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#fd !== -1) fs.closeSync(this.#fd);
  }
}
