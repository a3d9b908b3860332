import { closeOnce } from '../host/close-once.ts';
import { isErrno } from '../host/errno.ts';
import { Epoch, type Machine } from './epoch.ts';
import type { EpochFiles, EpochFilesOptions } from './epoch-files.ts';
import { HeaderError } from './epoch-header.ts';
import { journalError } from './journal-error.ts';

/** How often to start over before giving up: in each lost round another session rotated the journal. */
export const MAX_ROUNDS = 1_000;
/** Epochs are rotated long before. Reading through a larger file would take its time, and find nothing. */
export const MAX_JOURNAL_BYTES = 2 ** 30;

/** Returns the first header's payload of a journal that is made. `forgotten`: the machine that was there before. */
export type Initial<M extends Machine> = (forgotten: M | null) => unknown;

export interface CurrentEpochOptions<M extends Machine> extends EpochFilesOptions {
  /** Makes the machine from a header's payload. A `RangeError` means that the payload is damaged. */
  load: (header: unknown) => M;
  /** Only look: an epoch that was left sealed, without a successor, is the present state, and none is made. */
  readOnly?: boolean;
}

/** The epoch of a journal that is open: the highest, as far as this session knows. */
export class CurrentEpoch<M extends Machine> {
  readonly #options: CurrentEpochOptions<M>;
  readonly #files: EpochFiles;
  #epoch: Epoch<M> | null = null;
  #inode = 0;

  constructor(options: CurrentEpochOptions<M>, files: EpochFiles) {
    this.#options = options;
    this.#files = files;
  }

  /** To be used only after `locate` has returned true. */
  get epoch(): Epoch<M> {
    return this.#epoch as Epoch<M>;
  }

  /** Of its file. */
  get inode(): number {
    return this.#inode;
  }

  close(): void {
    if (this.#epoch) closeOnce(this.#options.host.files, this.#epoch.fd);
  }

  /**
   * Opens the highest epoch; where it is sealed, makes the next one, and starts over. `initial`: makes the journal where
   * there is none, or was forgotten; without it, false there.
   *
   * Without the second listing:
   *   1. P lists, and finds 2 the highest;
   *   2. others rotate to 4 and delete 2;
   *   3. R, which had stopped before linking its own 2, links it now: EEXIST no longer saves it;
   *   4. P opens R's 2, which nobody else will ever look at, and holds the lock there alone.
   * The highest number only grows, and the highest file is never deleted. So if a number is the highest after the opening, the
   * file opened is the one that everybody else opens. That makes the first listing a guess: a session that comes from a
   * sealed epoch tries the next number without it.
   *
   * `makesNext`: false for a session that only reads on. An epoch folded to its seal is the present state until there is a
   * next one, and in a crowd each session that waits would else make one, and the disk would sync all of them.
   */
  locate(initial: Initial<M> | undefined, makesNext = true): boolean {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const next = this.#openNext();
      if (next?.sealed) continue;
      if (next) return true;
      const highest = this.#files.highest();
      if (highest === 0) {
        if (!initial) return false;
        this.#files.begin(() => initial(null));
        continue;
      }
      // The epoch that we come from is folded already. It is the highest if no session has made the next one yet.
      const last = this.#epoch;
      const epoch = last?.sealed && highest === last.number ? last : this.#openEpoch(highest);
      if (!epoch) continue;
      if (!epoch.sealed) return true;
      if (epoch.machine.isForgotten) {
        if (!initial) return false;
        this.#publishNext(epoch, initial(epoch.machine));
      } else if (this.#options.readOnly || !makesNext) return true;
      else this.#publishNext(epoch, epoch.machine.header());
    }
    throw journalError(this.#options, 'STORE_BUSY', `it rotated ${MAX_ROUNDS} times while it was being opened`);
  }

  /** Opens the epoch behind the one that is folded to its seal; null if it is not there, or no longer the highest. */
  #openNext(): Epoch<M> | null {
    const last = this.#epoch;
    return last?.sealed && !last.machine.isForgotten ? this.#openEpoch(last.number + 1) : null;
  }

  #publishNext({ number }: Epoch<M>, payload: unknown): void {
    this.#files.publish({ number, inode: this.#inode }, payload);
  }

  /** Opens an epoch, if it is still the highest, folds it, and makes it the current one. */
  #openEpoch(number: number): Epoch<M> | null {
    const { host, load } = this.#options;
    const { files } = host;
    let fd: number;
    try {
      fd = files.openForAppend(this.#files.path(number));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    }
    try {
      if (this.#files.highest() !== number) {
        closeOnce(files, fd);
        return null;
      }
      const { inode, size } = files.look(this.#files.path(number)) ?? { inode: 0, size: 0 };
      if (size > MAX_JOURNAL_BYTES) throw new HeaderError('STORE_DAMAGED', `no journal has ${size} bytes`);
      const epoch = new Epoch(host, fd, number, load);
      epoch.fold();
      this.#adopt(epoch, inode);
      return epoch;
    } catch (error) {
      closeOnce(files, fd);
      throw error;
    }
  }

  #adopt(epoch: Epoch<M>, inode: number): void {
    this.close();
    this.#epoch = epoch;
    this.#inode = inode;
  }
}
