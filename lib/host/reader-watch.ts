import fs from 'node:fs';
import { shared } from '../copies.ts';

const { O_WRONLY, O_NONBLOCK } = fs.constants;
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
/** The capacity of a pipe on Linux, unless it was changed. */
const PIPE_BYTES = 64 * 1024;
/** Other runtimes have a `net.Socket` that takes no descriptor, or does not report its errors. */
const canNotify = process.platform !== 'win32' && !('Bun' in globalThis) && !('Deno' in globalThis);

/** A write that is pending in a full pipe. Shared by all: its bytes are never read. */
let filler: Buffer | undefined;
const inProcess = shared('reader-watches/1', () => ({ count: 0 }));

/** How many watches there are now, of every copy of this package. Each has one write pending, which Node counts as a reason for the process to go on. */
export function readerWatches(): number {
  return inProcess.count;
}

/**
 * Calls back when a FIFO has lost its last reader.
 *
 * The kernel reports that to a process which waits for room in the pipe (`EPOLLERR`, then `EPIPE`), and to no other: to be
 * without a reader is no readable event. So the watch fills the pipe, which nobody reads, and leaves one more write
 * pending. The bytes stay in the kernel's memory until the last process closes the FIFO; a second watch finds it full.
 */
export function watchReader(file: string, onGone: () => void): (() => void) | null {
  const fd = canNotify ? openWriter(file) : null;
  if (fd === null) return null;
  // Loaded by the first watch alone: a program that never waits for long needs no sockets.
  const net = process.getBuiltinModule('node:net');
  filler ??= Buffer.alloc(PIPE_BYTES);
  const socket = new net.Socket({ fd, readable: false, writable: true });
  let isOver = false;
  const end = () => {
    if (isOver) return false;
    isOver = true;
    socket.destroy();
    return true;
  };
  const fill = (error?: Error | null) => {
    if (!error && !isOver) socket.write(filler as Buffer, fill);
  };
  inProcess.count += 1;
  // Its last write ends with it, and no sooner.
  socket.once('close', () => {
    inProcess.count -= 1;
  });
  socket.on('error', () => {
    if (end()) onGone();
  });
  socket.unref();
  fill();
  return end;
}

function openWriter(file: string): number | null {
  let fd: number | null = null;
  try {
    fd = fs.openSync(file, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    if (fs.fstatSync(fd).isFIFO()) return fd;
  } catch {
    // It has no reader any more, or is not there: the caller's next look shows that.
  }
  if (fd !== null) fs.closeSync(fd);
  return null;
}
