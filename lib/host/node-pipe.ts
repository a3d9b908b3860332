import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemError } from './errno.ts';
import { makeFifo } from './node-fifo.ts';

const { O_WRONLY, O_NONBLOCK } = fs.constants;
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
/** In memory, and there in most containers whose file system may not be written. */
const IN_MEMORY = '/dev/shm';

/** The two ends of a pipe. Each is a descriptor that no child inherits unless it is given to it. */
export interface PipeEnds {
  /** Does not wait: a `read` of an empty pipe fails with `EAGAIN`. */
  reader: number;
  writer: number;
}

/**
 * Makes a pipe. Null where the system lets us make none, as on Windows.
 *
 * Node has no such call: the pipes that it makes for a child are socket pairs, and a socket cannot be opened again under
 * `/dev/stdout`. So it is a FIFO, which has a name only for the moment in which its ends are opened, in a directory of its
 * own that no other user can enter.
 */
export function makePipe(places: readonly string[] = [os.tmpdir(), IN_MEMORY]): PipeEnds | null {
  for (const place of places) {
    try {
      const ends = pipeIn(fs.mkdtempSync(path.join(place, 'lockstep-')));
      if (ends !== null) return ends;
    } catch {
      // The place is not there, may not be written, or is full.
    }
  }
  return null;
}

function pipeIn(directory: string): PipeEnds | null {
  const file = path.join(directory, 'output');
  let reader: number | null = null;
  try {
    reader = makeFifo(file, 0o600);
    return reader === null ? null : { reader, writer: openWriter(file, reader) };
  } catch (error) {
    if (reader !== null) fs.closeSync(reader);
    throw error;
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Opened so that it does not wait, should the FIFO have been replaced by another without a reader. A process that gets it as its
 * output waits again: `spawn` sets that for the standard streams.
 */
function openWriter(file: string, reader: number): number {
  const writer = fs.openSync(file, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  const [one, other] = [fs.fstatSync(reader), fs.fstatSync(writer)];
  if (one.ino === other.ino && one.dev === other.dev) return writer;
  fs.closeSync(writer);
  throw systemError('ELOOP', `another file has its place, '${file}'`, { path: file });
}
