import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, systemError } from './errno.ts';
import type { Belonging } from './host.ts';
import { give } from './node-directory.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants;
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
/** A program that takes this long to make one file is stuck. */
const MAKE_TIMEOUT_MS = 5_000;

/** `mkfifo` is a program: Node has no such call. Mode and owner are set by descriptor, as no link can be put there then. */
export function makeFifo(file: string, mode: number, belonging?: Belonging | null): number | null {
  if (process.platform === 'win32' || !runMkfifo(file)) return null;
  const fd = openFifo(file);
  try {
    give(fd, belonging);
    fs.fchmodSync(fd, mode);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function runMkfifo(file: string): boolean {
  try {
    // In the directory, which may be named by way of one of our descriptors: the program does not inherit that.
    const { status } = spawnSync('mkfifo', ['--', path.basename(file)], {
      cwd: path.dirname(file),
      env: { PATH: `/usr/bin:/bin:${process.env.PATH ?? ''}` },
      stdio: 'ignore',
      timeout: MAKE_TIMEOUT_MS,
    });
    return status === 0;
  } catch {
    // Not installed, or no process may be started here.
    return false;
  }
}

export function openFifo(file: string): number {
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (fs.fstatSync(fd).isFIFO()) return fd;
  fs.closeSync(fd);
  throw systemError('EINVAL', `not a FIFO, open '${file}'`, { path: file });
}

/**
 * Opening a FIFO for writing without waiting succeeds if a process has its read end open, stopped or not, in whichever
 * namespace; and is refused with `ENXIO` if none has. No other file is opened for longer than a look.
 */
export function hasReader(file: string): boolean | null {
  try {
    const fd = fs.openSync(file, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    try {
      return fs.fstatSync(fd).isFIFO() ? true : null;
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    // A socket is refused so, too: it is not ours, and has no reader.
    return isErrno(error, 'ENXIO') && fs.lstatSync(file, { throwIfNoEntry: false })?.isFIFO() ? false : null;
  }
}
