import { spawn } from 'node:child_process';
import fs from 'node:fs';
import type { DocumentDirectory, DocumentFacts, DocumentHost, ProgramEnd } from './document-host.ts';
import { errnoName, isErrno } from './errno.ts';
import { openDirectory } from './node-directory.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL } = fs.constants;
// Absent on Windows, which has no such files.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Not `util.promisify`: for `write` it resolves to an object or a number, depending on what has wrapped `fs`. */
function writeTo(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, 0, bytes.length, null, (error, written) => (error ? reject(error) : resolve(written)));
  });
}

function syncTo(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** Copying a few attributes takes far less: a program that runs longer hangs. */
const RUN_MS = 10_000;

/** The file system has no `fsync` for directories, or this process may not read the directory. */
const NO_DIRECTORY_SYNC = ['EINVAL', 'EBADF', 'ENOTSUP', 'EISDIR', 'EPERM', 'EACCES'];

function factsOf(stats: fs.BigIntStats): DocumentFacts {
  const isPlain = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
  return {
    kind: stats.isSymbolicLink() ? 'link' : isPlain,
    device: stats.dev,
    inode: stats.ino,
    size: Number(stats.size),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
  };
}

function openDocumentDirectory(path: string): DocumentDirectory {
  const { fd, at, place } = openDirectory(path);
  return {
    place,
    at: (name) => `${at}/${name}`,
    facts: () => factsOf(fd === -1 ? fs.lstatSync(path, { bigint: true }) : fs.fstatSync(fd, { bigint: true })),
    sync: () => syncDirectory(`${at}/.`),
    close: () => fd !== -1 && fs.closeSync(fd),
  };
}

async function syncDirectory(path: string): Promise<void> {
  try {
    const fd = fs.openSync(path, O_RDONLY);
    try {
      await syncTo(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    if (!isErrno(error, ...NO_DIRECTORY_SYNC)) throw error;
  }
}

function run(program: string, args: readonly string[], descriptors: readonly number[]): Promise<ProgramEnd> {
  const end: ProgramEnd = { code: null, stdout: '', stderr: '', failure: null };
  return new Promise((resolve) => {
    const fail = (error: unknown) =>
      resolve({ ...end, failure: errnoName(error) ?? String((error as NodeJS.ErrnoException).code) });
    try {
      const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };
      const stdio = ['ignore', 'pipe', 'pipe', ...descriptors] as const;
      const child = spawn(program, args, { env, stdio: [...stdio], timeout: RUN_MS, killSignal: 'SIGKILL' });
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        end.stdout += text;
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        end.stderr += text;
      });
      child.once('error', fail);
      child.once('close', (code) => resolve({ ...end, code }));
    } catch (error) {
      fail(error);
    }
  });
}

/** The real machine. */
export const nodeDocuments: DocumentHost = {
  realPath: (path) => fs.realpathSync(path),
  openDirectory: openDocumentDirectory,
  open: (path) => fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
  checkAccess: (path) => fs.accessSync(path, fs.constants.W_OK),
  checkWritable: (path) => fs.closeSync(fs.openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK)),
  create: (path, mode) => fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode),
  openStream: (path) => fs.openSync(path, O_WRONLY | O_NONBLOCK),
  openToAppend: (path, follow) =>
    fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW), 0o666),
  readLink: (path) => fs.readlinkSync(path),
  facts: (fd) => factsOf(fs.fstatSync(fd, { bigint: true })),
  look(path) {
    const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats ? factsOf(stats) : null;
  },
  read: (fd, buffer, position) => fs.readSync(fd, buffer, 0, buffer.length, position),
  write: writeTo,
  setOwner: (fd, uid, gid) => fs.fchownSync(fd, uid, gid),
  setMode: (fd, mode) => fs.fchmodSync(fd, mode),
  sync: syncTo,
  close: (fd) => fs.closeSync(fd),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.unlinkSync(path),
  list: (path) => fs.readdirSync(path),
  run,
  // Loaded on demand: it would slow a command's start by some ms.
  secret: () => process.getBuiltinModule('node:crypto').randomBytes(16).toString('hex'),
  uid: () => process.geteuid?.() ?? -1,
  wallMs: () => Date.now(),
};
