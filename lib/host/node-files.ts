import fs from 'node:fs';
import { ABSENT, isErrno, systemError, unlessErrno } from './errno.ts';
import type { FileFacts, FileKind, Files } from './host.ts';
import { give, makePrepared, openDirectory } from './node-directory.ts';
import { hasReader, makeFifo, openFifo } from './node-fifo.ts';
import { watchReader } from './reader-watch.ts';

const { O_RDONLY, O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK } = fs.constants;
// Absent on Windows, which cannot refuse a symlink when opening it; `look` still reports one.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;

/**
 * Node's permissions forbid every `fsync`, whatever else they allow. Then each write is synced by the kernel, which takes
 * longer.
 */
const isSyncForbidden = 'permission' in process;
const SYNCED = isSyncForbidden ? (fs.constants.O_DSYNC ?? 0) : 0;

function kindOf(stats: fs.Stats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

function factsOf(stats: fs.Stats): FileFacts {
  return {
    kind: kindOf(stats),
    size: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    device: stats.dev,
    inode: stats.ino,
    modifiedMs: stats.mtimeMs,
  };
}

/** Reused: for a monitor of many small files, allocating a buffer would take longer than reading. */
let textBuffer: Buffer | undefined;

/** Returns a descriptor after checking it; closes it if the check throws. */
function checked(fd: number, check: (fd: number) => void): number {
  try {
    check(fd);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Wakes a file's watcher without being its owner, who alone may set its times: truncates an empty file to nothing. */
function truncateEmpty(path: string): void {
  const fd = fs.openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fs.fstatSync(fd);
    if (stats.isFile() && stats.size === 0) fs.ftruncateSync(fd, 0);
  } finally {
    fs.closeSync(fd);
  }
}

/** Opens an existing regular file; never follows a symlink. */
function openRegular(path: string, flags: number): number {
  // O_NONBLOCK: a FIFO in a journal's place must not block the open; on a regular file it has no effect.
  return checked(fs.openSync(path, flags | O_NOFOLLOW | O_NONBLOCK), (fd) => {
    if (fs.fstatSync(fd).isFile()) return;
    throw systemError('EINVAL', `not a regular file, open '${path}'`);
  });
}

/** The real files. */
export const nodeFiles: Files = {
  openForAppend: (path) => openRegular(path, O_RDWR | O_APPEND | SYNCED),
  openForReading: (path) => openRegular(path, O_RDONLY),
  openForWriting: (path) => openRegular(path, O_RDWR | SYNCED),
  openDirectory,
  closeDirectory({ fd }) {
    if (fd !== -1) fs.closeSync(fd);
  },
  create(path, mode, belonging) {
    const fd = fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | SYNCED, mode);
    return checked(fd, () => {
      try {
        give(fd, belonging);
        // The mode of a shared store overrides the caller's umask.
        if ((mode & 0o077) !== 0) fs.fchmodSync(fd, mode);
      } catch (error) {
        fs.unlinkSync(path);
        throw error;
      }
    });
  },
  read: (fd, buffer, position) => fs.readSync(fd, buffer, 0, buffer.length, position),
  write: (fd, buffer, length) => fs.writeSync(fd, buffer, 0, length, null),
  sync(fd) {
    if (!isSyncForbidden) fs.fdatasyncSync(fd);
  },
  close: (fd) => fs.closeSync(fd),
  look(path) {
    return unlessErrno(ABSENT, null, () => {
      const stats = fs.lstatSync(path, { throwIfNoEntry: false });
      return stats ? factsOf(stats) : null;
    });
  },
  facts: (fd) => factsOf(fs.fstatSync(fd)),
  list: (directory) => unlessErrno(['ENOENT'], null, () => fs.readdirSync(directory)),
  link(from, to) {
    return unlessErrno(['EEXIST'], false, () => {
      fs.linkSync(from, to);
      return true;
    });
  },
  remove(path) {
    return unlessErrno(ABSENT, false, () => {
      fs.unlinkSync(path);
      return true;
    });
  },
  removeDirectory(path) {
    return unlessErrno([...ABSENT, 'ENOTEMPTY', 'EEXIST'], false, () => {
      fs.rmdirSync(path);
      return true;
    });
  },
  makeDirectory(path, mode, belonging) {
    if ((mode & 0o077) !== 0 || belonging) return makePrepared(path, mode, belonging);
    // Mostly it is there, and to make Node's error of that takes longer than to look.
    if (fs.lstatSync(path, { throwIfNoEntry: false })) return false;
    return unlessErrno(['EEXIST'], false, () => {
      fs.mkdirSync(path, { mode });
      return true;
    });
  },
  touch(path) {
    return unlessErrno(ABSENT, false, () => {
      const now = Date.now() / 1000;
      try {
        // Not the target of a symbolic link in its place.
        fs.lutimesSync(path, now, now);
      } catch (error) {
        if (!isErrno(error, 'EPERM')) throw error;
        truncateEmpty(path);
      }
      return true;
    });
  },
  touchOpen(fd) {
    const now = Date.now() / 1000;
    fs.futimesSync(fd, now, now);
  },
  rename: (from, to) => fs.renameSync(from, to),
  makeFifo,
  openFifo,
  hasReader,
  watchReader,
  readText(path, most = Number.POSITIVE_INFINITY) {
    return unlessErrno(ABSENT, null, () => {
      const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        textBuffer ??= Buffer.alloc(64 * 1024);
        const length = fs.readSync(fd, textBuffer, 0, textBuffer.length, 0);
        if (length < textBuffer.length) return textBuffer.toString('utf8', 0, length);
        // A file that fills the buffer may be longer.
        if (fs.fstatSync(fd).size > most) throw systemError('EFBIG', `more than ${most} bytes, read '${path}'`);
        return fs.readFileSync(fd, 'utf8');
      } finally {
        fs.closeSync(fd);
      }
    });
  },
  fileSystemType(path) {
    // On Windows the numbers have another meaning.
    return process.platform === 'win32' ? null : fs.statfsSync(path).type;
  },
  watch(path, onChange) {
    // Its watchers sometimes keep the process alive after they were closed. The caller's poll goes on without one.
    if ('Deno' in globalThis) throw systemError('ENOSYS', `no watch that ends, watch '${path}'`);
    const watcher = fs.watch(path, { persistent: false }, (event) => onChange(event === 'rename' ? 'gone' : 'changed'));
    watcher.on('error', () => onChange('failed'));
    return () => watcher.close();
  },
};
