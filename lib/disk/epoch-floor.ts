import path from 'node:path';
import { closeOnce } from '../host/close-once.ts';
import { isErrno, systemError } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';

const LINE = /^(\d{1,16}) (\d{1,16})$/gm;

/** The numbers that a new resource begins above: another one of the name may have used them. */
export interface Floor {
  /** The number of an epoch. */
  epoch: number;
  /** A ticket or token. */
  last: number;
}

/**
 * The greatest numbers that were used in a directory that was removed, in the whole store. A new directory begins above
 * them, so in one name no epoch's number comes twice, and tokens go on growing, also if the clock is set back.
 *
 * Without the epoch's number:
 *   1. P rotates `deploy` to epoch 3, lists the directory, and is stopped before it removes epoch 1;
 *   2. the name is forgotten, its directory is removed, and it is made anew: a session holds in the new epoch 1;
 *   3. P removes epoch 1. The next session makes another one, and holds too.
 *
 * `<store>/forgotten` has an epoch and a ticket in each line, and the greatest of each counts. So writing at the same
 * moment loses nothing, and a torn line is none. A power cut may lose a line: then all the P are gone, too.
 */
export class EpochFloor {
  readonly #host: Host;
  readonly #store: StoreDirectory;

  constructor(host: Host, store: StoreDirectory) {
    this.#host = host;
    this.#store = store;
  }

  /** Zeros if no directory was removed in this store. */
  read(): Floor {
    const lines = this.#host.files.readText(this.#file)?.matchAll(LINE) ?? [];
    const floor = { epoch: 0, last: 0 };
    for (const [, epoch, last] of lines) {
      floor.epoch = Math.max(floor.epoch, Number(epoch));
      floor.last = Math.max(floor.last, Number(last));
    }
    return floor;
  }

  /** Makes it at least this. It grows by a line only if one of the numbers is a new greatest one. */
  raise(to: Floor): void {
    if (this.#isAbove(to)) return;
    const { files } = this.#host;
    const line = Buffer.from(`\n${to.epoch} ${to.last}\n`);
    const fd = this.#open();
    try {
      files.write(fd, line, line.length);
    } finally {
      closeOnce(files, fd);
    }
    // The write may have been short.
    if (!this.#isAbove(to))
      throw systemError('ENOSPC', `no space is left, write '${this.#file}'`, { path: this.#file });
  }

  #isAbove({ epoch, last }: Floor): boolean {
    const floor = this.read();
    return floor.epoch >= epoch && floor.last >= last;
  }

  #open(): number {
    const { files } = this.#host;
    try {
      return files.create(this.#file, this.#store.fileMode);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      return files.openForAppend(this.#file);
    }
  }

  get #file(): string {
    return path.join(this.#store.path, 'forgotten');
  }
}
