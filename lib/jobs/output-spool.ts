import fs from 'node:fs';
import { systemError } from '../host/errno.ts';
import type { Files } from '../host/host.ts';
import { writeWhole } from '../host/whole-write.ts';
import { tailIn } from './output-tail.ts';

/** A longer output is cut: its first part stays, and its last. */
const MAX_BYTES = 4 * 1024 * 1024;
const FIRST_BYTES = 1024 * 1024;
const LAST_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const TAIL_BYTES = 4 * 1024;
/** So many bytes are handed on at one look; then the rest of the program has its turn. */
const MAX_HANDED_ON = 32 * 1024 * 1024;
const MAX_ROUNDS = 20;
/** How soon a look follows one that found something, and how late one that found nothing. */
const FIRST_LOOK_MS = 25;

const NEWLINE = 0x0a;

/** Takes what was printed, as it comes. The bytes are valid only during the call. */
export type Sink = (bytes: Uint8Array) => void;

export interface SpoolOptions {
  /** The files of the store in which it is. */
  files: Files;
  mode: number;
  sinks: readonly Sink[];
  /** How late what is printed may reach the sinks, or be found too long, in ms. */
  latestMs: number;
}

/**
 * The file that a command prints into. It goes on printing there whatever becomes of us, and never hears of a reader
 * that is gone. We follow it.
 *
 * It is bounded: longer than 4 MiB it keeps its first MiB and at least its last, with a line between them that says how
 * much is missing. A file can be shortened only at its end, where the command writes; so what is printed in the instant
 * of the cut may be lost. (The sinks get all but that.)
 */
export class Spool {
  readonly path: string;
  /** For the command. */
  readonly childFd: number;
  readonly #fd: number;
  readonly #options: SpoolOptions;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  /** How far the sinks have it. */
  #position = 0;
  /** What was cut away so far: a place in the file and this are a place in all that was ever printed. */
  #base = 0;
  /** Where the first part ends; 0 while nothing was cut. */
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

  /** Until `end()`. It keeps no process alive. */
  follow(): void {
    this.#timer = setTimeout(() => {
      this.#waitMs = this.look() ? FIRST_LOOK_MS : Math.min(this.#waitMs * 2, this.#options.latestMs);
      this.follow();
    }, this.#waitMs).unref();
  }

  /** Hands on what is new, and cuts the file if it is too long. False if nothing is new. */
  look(): boolean {
    try {
      const { size } = fs.fstatSync(this.#fd);
      const isNew = size > this.#position;
      this.#handOn(Math.min(size, this.#position + MAX_HANDED_ON));
      if (size > MAX_BYTES) this.#cut();
      return isNew;
    } catch {
      // The disk fails. The command goes on, and what it printed may be read later.
      return false;
    }
  }

  /** The last look. */
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

  /** All that is kept, piece by piece; each is valid until the next. */
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
      // It is swept with the run's record.
    }
  }

  #handOn(end: number): void {
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
   * The last part moves to where the middle was, which the command does not touch; then the file gets its new end. A crash
   * in between leaves a file whose end is right.
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
    // Again for what is printed meanwhile, until nothing is; but not for ever.
    for (let round = 0; round < MAX_ROUNDS && from < size; round++) {
      while (from < size) {
        const bytes = this.#bytesAt(from, size);
        if (bytes.length === 0) break;
        end = this.#writeAt(bytes, end);
        from += bytes.length;
      }
      this.#handOn(from);
      ({ size } = fs.fstatSync(this.#fd));
    }
    fs.ftruncateSync(this.#fd, end);
    this.#base += from - end;
    this.#position = end;
  }

  /** Returns where it ends. */
  #writeAt(bytes: Uint8Array, position: number): number {
    writeWhole(bytes, (rest, done) => fs.writeSync(this.#fd, rest, 0, rest.length, position + done));
    return position + bytes.length;
  }

  /** A command that prints faster than it can be handed on is not waited for. */
  #skipTo(position: number): void {
    if (this.#position >= position) return;
    const line = Buffer.from(leftOut(position - this.#position));
    for (const sink of this.#options.sinks) sink(line);
    this.#position = position;
  }

  /** So that no line is cut, if one ends near. */
  #lineEndBefore(position: number): number {
    const from = Math.max(0, position - CHUNK_BYTES);
    const length = fs.readSync(this.#fd, this.#chunk, 0, position - from, from);
    const newline = this.#chunk.subarray(0, length).lastIndexOf(NEWLINE);
    return newline === -1 ? position : from + newline + 1;
  }
}

/** The file is written and shortened by this descriptor: so it must be the file that was made, whatever has its name. */
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
