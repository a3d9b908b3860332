import fs from 'node:fs';
import { closeOnce } from '../host/close-once.ts';
import { systemError } from '../host/errno.ts';
import type { Files } from '../host/host.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { writeWhole } from '../host/whole-write.ts';
import { KeptOutput } from './kept-output.ts';
import { tailIn } from './output-tail.ts';

export interface SpoolOptions {
  /** The files of the store that the spool is in. */
  files: Files;
  mode: number;
}

/**
 * The kept output of a run, and its copy in a file beside the run's record, where other processes read its last lines while
 * the run goes on, and after its wrapper was killed. Only the wrapper writes the file, so it is as bounded as `KeptOutput`.
 *
 * The output that the run itself prints and records comes from memory: a full disk costs the copy, not the output.
 */
export class Spool {
  readonly path: string;
  readonly #fd: number;
  readonly #files: Files;
  readonly #kept = new KeptOutput();
  /** Up to where the file agrees with what is kept. */
  #rightTo = 0;
  /** How long the file may be. */
  #size = 0;

  /** @throws the system's error */
  constructor(path: string, { files, mode }: SpoolOptions) {
    this.path = path;
    this.#files = files;
    const made = files.create(path, mode);
    try {
      this.#fd = openAgain(files, path, made);
    } finally {
      files.close(made);
    }
  }

  /** Appends output. Never throws. */
  append(bytes: Uint8Array): void {
    this.#rightTo = Math.min(this.#rightTo, this.#kept.append(bytes));
    try {
      this.#copy();
    } catch {
      // The disk fails. Other processes see the output up to here, until a later copy succeeds.
      this.#size = Number.POSITIVE_INFINITY;
    }
  }

  /** All that is kept; valid until the next `append`. */
  get contents(): Uint8Array {
    return this.#kept.bytes;
  }

  /** The last lines, as a record has them. */
  tail(): string {
    return tailIn(this.#kept.bytes);
  }

  remove(): void {
    closeOnce(this.#files, this.#fd);
    removeQuietly({ files: this.#files }, this.path);
  }

  #copy(): void {
    const from = this.#rightTo;
    const { length } = this.#kept.bytes;
    const rest = this.#kept.bytes.subarray(from);
    writeWhole(rest, (bytes, done) => fs.writeSync(this.#fd, bytes, 0, bytes.length, from + done));
    // Last, so that a crash leaves a file whose end is right.
    if (this.#size > length) fs.ftruncateSync(this.#fd, length);
    this.#size = length;
    this.#rightTo = length;
  }
}

/** The file is written in its middle, which what `create` opens is not for. It must be the file that was created, not another of its name. */
function openAgain(files: Files, path: string, made: number): number {
  const fd = files.openForWriting(path);
  const [one, other] = [files.facts(made), files.facts(fd)];
  if (one.inode === other.inode && one.device === other.device) return fd;
  files.close(fd);
  throw systemError('ELOOP', `another file has its place, '${path}'`, { path });
}
