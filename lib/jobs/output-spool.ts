import fs from 'node:fs';
import { systemError } from '../host/errno.ts';
import type { Files } from '../host/host.ts';
import { writeWhole } from '../host/whole-write.ts';
import { tailIn } from './output-tail.ts';

/** A longer output is cut: its first and its last part stay. */
const MAX_BYTES = 4 * 1024 * 1024;
const FIRST_BYTES = 1024 * 1024;
const LAST_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const TAIL_BYTES = 4 * 1024;
/** The most bytes that one look passes on, so that the rest of the program has its turn. */
const MAX_PASSED_ON = 32 * 1024 * 1024;
const MAX_ROUNDS = 20;
/** How soon a look follows a look that found something new. */
const FIRST_LOOK_MS = 25;

const NEWLINE = 0x0a;

/** Takes the output as it comes. The bytes are valid only during the call. */
export type Sink = (bytes: Uint8Array) => void;

export interface SpoolOptions {
  /** The files of the store that the spool is in. */
  files: Files;
  mode: number;
  sinks: readonly Sink[];
  /** How late the output may reach the sinks, or be found too long, in ms. */
  latestMs: number;
}

/**
 * The file that a command prints into, and that its wrapper follows. The command goes on printing if the wrapper dies, and
 * never gets a SIGPIPE for a reader that is gone.
 *
 * The file is bounded: beyond 4 MiB it keeps its first MiB and at least its last, with a line between them that gives the
 * number of missing bytes. A file can be shortened only at its end, where the command writes; so output printed in the
 * instant of the cut may be lost. (The sinks get all but that.)
 */
export class Spool {
  readonly path: string;
  /** The descriptor that the command writes to. */
  readonly childFd: number;
  readonly #fd: number;
  readonly #options: SpoolOptions;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  /** Up to where the sinks have got the output. */
  #position = 0;
  /** The number of bytes cut away so far: a position in the file plus this is a position in the whole output. */
  #base = 0;
  /** Where the first part ends; 0 before the first cut. */
  #firstEnd = 0;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = FIRST_LOOK_MS;

  /** @throws the system's error */
  constructor(path: string, options: SpoolOptions) {
    this.path = path;
    this.#options = options;
    const { files, mode } = options;
    this.childFd = files.create(path, mode);
    try {
      this.#fd = openAgain(files, path, this.childFd);
    } catch (error) {
      files.close(this.childFd);
      throw error;
    }
  }

  /** Follows the output until `end()`. It keeps no process alive. */
  follow(): void {
    this.#timer = setTimeout(() => {
      this.#waitMs = this.look() ? FIRST_LOOK_MS : Math.min(this.#waitMs * 2, this.#options.latestMs);
      this.follow();
    }, this.#waitMs).unref();
  }

  /** Passes new output on, and cuts the file if it is too long. Returns false if nothing was new. */
  look(): boolean {
    try {
      const { size } = fs.fstatSync(this.#fd);
      const isNew = size > this.#position;
      this.#passOn(Math.min(size, this.#position + MAX_PASSED_ON));
      if (size > MAX_BYTES) this.#cut();
      return isNew;
    } catch {
      // The disk fails. The command goes on, and a later look may read its output.
      return false;
    }
  }

  /** Takes the last look. */
  end(): void {
    clearTimeout(this.#timer);
    this.look();
  }

  tail(): string {
    const buffer = Buffer.alloc(TAIL_BYTES);
    try {
      return tailIn(
        buffer.subarray(0, fs.readSync(this.#fd, buffer, 0, TAIL_BYTES, Math.max(0, this.#position - TAIL_BYTES))),
      );
    } catch {
      return '';
    }
  }

  /** Yields the kept output, piece by piece; each piece is valid until the next. */
  *contents(): Generator<Uint8Array> {
    for (let position = 0; position < this.#position; ) {
      const bytes = this.#bytesAt(position, this.#position);
      if (bytes.length === 0) return;
      position += bytes.length;
      yield bytes;
    }
  }

  remove(): void {
    clearTimeout(this.#timer);
    const { files } = this.#options;
    files.close(this.childFd);
    files.close(this.#fd);
    try {
      files.remove(this.path);
    } catch {
      // The sweep removes it with the run's record.
    }
  }

  #passOn(end: number): void {
    if (this.#options.sinks.length === 0) this.#position = end;
    while (this.#position < end) {
      const bytes = this.#bytesAt(this.#position, end);
      if (bytes.length === 0) return;
      this.#position += bytes.length;
      for (const sink of this.#options.sinks) sink(bytes);
    }
  }

  #bytesAt(position: number, end: number): Uint8Array {
    const length = fs.readSync(this.#fd, this.#chunk, 0, Math.min(CHUNK_BYTES, end - position), position);
    return this.#chunk.subarray(0, length);
  }

  /**
   * Moves the last part to where the middle was, which the command does not touch; then shortens the file. A crash in
   * between leaves a file whose end is right.
   */
  #cut(): void {
    let { size } = fs.fstatSync(this.#fd);
    const begin = this.#lineEndBefore(size - LAST_BYTES);
    this.#firstEnd ||= this.#lineEndBefore(FIRST_BYTES);
    const missing = this.#base + begin - this.#firstEnd;
    this.#skipTo(begin);
    const isLine = this.#bytesAt(this.#firstEnd - 1, this.#firstEnd)[0] === NEWLINE;
    const note = `${isLine ? '' : '\n'}${leftOut(missing)}`;
    let end = this.#writeAt(Buffer.from(note), this.#firstEnd);
    let from = begin;
    // Repeated for output that comes meanwhile, a bounded number of times.
    for (let round = 0; round < MAX_ROUNDS && from < size; round++) {
      while (from < size) {
        const bytes = this.#bytesAt(from, size);
        if (bytes.length === 0) break;
        end = this.#writeAt(bytes, end);
        from += bytes.length;
      }
      this.#passOn(from);
      ({ size } = fs.fstatSync(this.#fd));
    }
    fs.ftruncateSync(this.#fd, end);
    this.#base += from - end;
    this.#position = end;
  }

  /** Writes the bytes, and returns where they end. */
  #writeAt(bytes: Uint8Array, position: number): number {
    writeWhole(bytes, (rest, done) => fs.writeSync(this.#fd, rest, 0, rest.length, position + done));
    return position + bytes.length;
  }

  /** Skips output that came faster than the sinks could take it: the command is never made to wait. */
  #skipTo(position: number): void {
    if (this.#position >= position) return;
    const line = Buffer.from(leftOut(position - this.#position));
    for (const sink of this.#options.sinks) sink(line);
    this.#position = position;
  }

  /** Returns the end of the last line before a position, if one ends near, so that no line is split. */
  #lineEndBefore(position: number): number {
    const from = Math.max(0, position - CHUNK_BYTES);
    const length = fs.readSync(this.#fd, this.#chunk, 0, position - from, from);
    const newline = this.#chunk.subarray(0, length).lastIndexOf(NEWLINE);
    return newline === -1 ? position : from + newline + 1;
  }
}

/** The spool is written and shortened through this second descriptor, so it must be the file that was created, not another of its name. */
function openAgain(files: Files, path: string, made: number): number {
  const fd = files.openForWriting(path);
  const [one, other] = [files.facts(made), files.facts(fd)];
  if (one.inode === other.inode && one.device === other.device) return fd;
  files.close(fd);
  throw systemError('ELOOP', `another file has its place, '${path}'`, { path });
}

function leftOut(bytes: number): string {
  return `[lockstep: ${bytes} bytes of output are left out here]\n`;
}
