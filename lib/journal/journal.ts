import type { StoreError } from '../errors.ts';
import { closeOnce } from '../host/close-once.ts';
import { isErrno } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { Epoch, HeaderError, type Machine, type OutcomeOf } from './epoch.ts';
import { EpochFiles, type EpochFilesOptions } from './epoch-files.ts';
import { goneError, journalError, journalFailure } from './journal-error.ts';
import { type JournalRecord, recordTime } from './record.ts';

export type { Machine } from './epoch.ts';

/** Past this many bytes of records an epoch is sealed, and the next one starts with the folded state. */
const ROTATE_BYTES = 64 * 1024;
/** How often to start over before giving up: in each lost round another session rotated the journal. */
export const MAX_ROUNDS = 1_000;
/** Epochs are rotated long before. Reading through a larger file would take its time, and find nothing. */
export const MAX_JOURNAL_BYTES = 2 ** 30;

/** The directory above the resource's must exist if `initial` is given. */
export interface JournalOptions<M extends Machine> extends EpochFilesOptions {
  /** Rotate past this many bytes. Default 65,536. */
  rotateBytes?: number;
  /** The first header's payload, if the journal is to be made where there is none. `forgotten`: what was there before. */
  initial?: (forgotten: M | null) => unknown;
  /** Makes the machine from a header's payload. A `RangeError` says that the payload is damaged. */
  load: (header: unknown) => M;
  /** Whether a machine can be the successor of another one, or is that of a resource which was made anew. Default: always. */
  succeeds?: (next: M, last: M) => boolean;
  /** Only look: an epoch that was left sealed, without a successor, is the present state, and none is made. */
  readOnly?: boolean;
}

/**
 * An append-only file that is replaced, epoch by epoch, by one that starts with its folded state.
 *
 * - The kernel puts concurrent appends in one order; every session folds the same records in that order.
 * - The first seal ends an epoch. A record behind it is void, and its writer, which reads it back
 *   behind the seal, repeats it in the next epoch.
 * - The highest-numbered file is never deleted, but for a forgotten one. One predecessor is kept for history.
 * - A record may end the resource itself, if nobody uses it: it is forgotten. Then that record is the seal, and the next
 *   epoch starts anew, for whoever makes the resource again; or the directory is removed.
 * - In one name no epoch's number comes twice, also if the directory was removed in between.
 */
export class Journal<M extends Machine> {
  readonly #options: JournalOptions<M>;
  readonly #rotateBytes: number;
  readonly #files: EpochFiles;
  #epoch: Epoch<M>;
  #inode: number;
  #isOver = false;
  #out = Buffer.allocUnsafe(4096);

  private constructor(options: JournalOptions<M>) {
    this.#options = options;
    this.#rotateBytes = options.rotateBytes ?? ROTATE_BYTES;
    this.#files = new EpochFiles(options);
    // `open` is the only caller, and sets both before it returns the journal.
    this.#epoch = undefined as unknown as Epoch<M>;
    this.#inode = 0;
  }

  /**
   * Opens the journal, up to date. Without `initial`, null if there is none.
   *
   * @throws {StoreError}
   */
  static open<M extends Machine>(options: JournalOptions<M>): Journal<M> | null {
    const journal = new Journal(options);
    try {
      if (journal.#guard('open', () => journal.#locate(options.initial))) return journal;
      // The epoch that is open was forgotten.
      if (journal.#epoch) journal.close();
      return null;
    } catch (error) {
      // A sealed epoch is open, and the next one could not be made.
      if (journal.#epoch) journal.close();
      throw error;
    }
  }

  /** The state after every record folded so far. A new object after each rotation. */
  get machine(): M {
    return this.#epoch.machine;
  }

  get epoch(): number {
    return this.#epoch.number;
  }

  /** When its file was last written to, in ms since 1970. */
  modifiedMs(): number {
    return this.#guard('read', () => this.#host.files.facts(this.#epoch.fd).modifiedMs);
  }

  /** Whether the resource was deleted or forgotten, or made anew as another one. For good: what is there by now has to be opened. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Folds what is new. True if there was anything. Where the resource is not there any more, the journal `isOver`. */
  refresh(): boolean {
    return this.#guard('read', () => {
      if (this.#isOver) return false;
      const news = this.#epoch.fold();
      if (!this.#epoch.sealed) return news;
      this.#follow();
      return true;
    });
  }

  /**
   * Appends a record, and returns when it is folded, in this epoch or a later one. `json` is the record's text. A crash
   * at any moment leaves the record whole, or void. A rotation behind the record may have made the machine anew.
   *
   * @returns what the machine decided of the record
   * @throws {StoreError} and then the record is void; unless the code is `STORE_UNSURE`: then that is not known. If the
   * resource is not there any more, the journal `isOver`.
   */
  append(record: JournalRecord, json: string): OutcomeOf<M> {
    let outcome: OutcomeOf<M>;
    try {
      outcome = this.#appendWherever(record, this.#encode(json));
    } catch (error) {
      throw this.#explained('write', error);
    }
    const { offset, headerBytes } = this.#epoch;
    if (offset > headerBytes + this.#rotateBytes && !this.machine.isForgotten) this.#rotate();
    return outcome;
  }

  /**
   * Appends in this epoch, or the next, or the one after that: until the record is folded before a seal.
   *
   * A record that was written and is not folded is torn: the kernel took a part, another process appended, and libuv
   * appended the rest behind that. So it is void for ever, and is written once more. (Not where other machines' caches
   * may still deliver it later: a guarded append has no other beside it.)
   */
  #appendWherever(record: JournalRecord, length: number): OutcomeOf<M> {
    if (this.#isOver) throw goneError(this.#options);
    let mayBeTorn = !this.#isGuarded;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (this.#epoch.sealed) this.#moveOn();
      const folded = this.#epoch.append(record, this.#out, length);
      if (folded) return folded.outcome;
      if (this.#epoch.sealed) continue;
      if (!mayBeTorn) throw this.#error('STORE_DAMAGED', 'a record that was appended cannot be found in it');
      mayBeTorn = false;
    }
    throw this.#error('STORE_BUSY', `it rotated ${MAX_ROUNDS} times while one record was being written`);
  }

  /**
   * False if the file that is open is no longer the one in the store, or is shorter than what was read from it: the store
   * was deleted, replaced, or rolled back.
   */
  isInPlace(): boolean {
    return this.#guard('read', () => {
      const found = this.#host.files.look(this.#files.path(this.#epoch.number));
      // In a guarded store a look may be a minute old, and show the size of then.
      if (found?.inode === this.#inode) return this.#isGuarded || found.size >= this.#epoch.offset;
      // Or it has only been rotated away since our last look. Then there is a seal to read; or, where a file that
      // has no name any more cannot be read, a higher epoch.
      this.#epoch.fold();
      const isRotated = this.#epoch.sealed || (this.#isGuarded && this.#files.highest() > this.epoch);
      return isRotated && this.#follow();
    });
  }

  close(): void {
    closeOnce(this.#host.files, this.#epoch.fd);
  }

  /** Whether its other writers may be on other machines. */
  get #isGuarded(): boolean {
    return this.#options.keptEpochs !== undefined;
  }

  get #host(): Host {
    return this.#options.host;
  }

  #encode(json: string): number {
    const most = 1 + json.length * 3;
    if (most > this.#out.length) this.#out = Buffer.allocUnsafe(most);
    this.#out[0] = 0x0a;
    return 1 + this.#out.write(json, 1);
  }

  /** Ends this epoch, unless another session's seal was folded with our record. Ignores errors: the next caller meets them, too, and has something to lose. */
  #rotate(): void {
    const id = `${this.#options.key}:seal${this.#epoch.number}`;
    const record: JournalRecord = ['seal', id, recordTime(this.#host.clock.wallMicros())];
    try {
      this.#epoch.append(record, this.#out, this.#encode(JSON.stringify(record)));
      if (this.#epoch.sealed && !this.machine.isForgotten) this.#moveOn();
    } catch {
      // The record before it is in the journal, and its writer must learn of that success.
    }
  }

  /** From a sealed epoch that is folded to its end to the newest there is. */
  #moveOn(): void {
    if (!this.#follow()) throw goneError(this.#options);
  }

  /** The same. False if there is none, or that of another resource: then the journal is over. Only `open` makes a resource. */
  #follow(): boolean {
    const last = this.#epoch.machine;
    const { succeeds = () => true } = this.#options;
    this.#isOver = !this.#locate(undefined) || !succeeds(this.machine, last);
    return !this.#isOver;
  }

  /**
   * Opens the highest epoch; where it is sealed, makes the next one, and starts over.
   *
   * Without the second listing:
   *   1. P lists, and finds 2 the highest;
   *   2. others rotate to 4 and delete 2;
   *   3. R, which had stopped before linking its own 2, links it now: EEXIST no longer saves it;
   *   4. P opens R's 2, which nobody else will ever look at, and holds the lock there alone.
   * The highest number only grows, and the highest file is never deleted. So if it is the same after
   * the opening as before, the file opened is the one that everybody else opens.
   */
  #locate(initial: JournalOptions<M>['initial']): boolean {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const highest = this.#files.highest();
      if (highest === 0) {
        if (!initial) return false;
        this.#files.begin(() => initial(null));
        continue;
      }
      // The epoch that we come from is folded already. It is the highest if no session has made the next one yet.
      const isKnown = this.#epoch?.sealed && highest === this.#epoch.number;
      const epoch = isKnown ? this.#epoch : this.#openEpoch(highest);
      if (!epoch) continue;
      if (!epoch.sealed) return true;
      if (epoch.machine.isForgotten) {
        if (!initial) return false;
        this.#publishNext(initial(epoch.machine));
      } else if (this.#options.readOnly) return true;
      else this.#publishNext(epoch.machine.header());
    }
    throw this.#error('STORE_BUSY', `it rotated ${MAX_ROUNDS} times while it was being opened`);
  }

  #publishNext(payload: unknown): void {
    this.#files.publish({ number: this.#epoch.number, inode: this.#inode }, payload);
  }

  /** Opens an epoch, if it is still the highest, folds it, and makes it the current one. */
  #openEpoch(number: number): Epoch<M> | null {
    const { files } = this.#host;
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
      const epoch = new Epoch(this.#host, fd, number, this.#options.load);
      epoch.fold();
      this.#adopt(epoch, inode);
      return epoch;
    } catch (error) {
      closeOnce(files, fd);
      throw error;
    }
  }

  #adopt(epoch: Epoch<M>, inode: number): void {
    if (this.#epoch) closeOnce(this.#host.files, this.#epoch.fd);
    this.#epoch = epoch;
    this.#inode = inode;
  }

  #guard<T>(operation: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.#explained(operation, error);
    }
  }

  #explained(operation: string, error: unknown): unknown {
    return journalFailure(this.#options, operation, error);
  }

  #error(code: string, message: string): StoreError {
    return journalError(this.#options, code, message);
  }
}
