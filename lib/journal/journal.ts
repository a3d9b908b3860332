import type { StoreError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { CurrentEpoch, type CurrentEpochOptions, type Initial, MAX_ROUNDS } from './current-epoch.ts';
import type { Machine, OutcomeOf } from './epoch.ts';
import { EpochFiles } from './epoch-files.ts';
import { goneError, journalError, journalFailure } from './journal-error.ts';
import { type JournalRecord, recordTime } from './record.ts';
import type { RecordBytes } from './record-template.ts';

export type { Machine } from './epoch.ts';

/**
 * Past this many bytes of records an epoch is sealed, and the next one starts with the folded state. Each rotation waits for
 * the disk, and a busy resource has two epochs, which shall take less than 256 KiB.
 */
const ROTATE_BYTES = 120 * 1024;

/** The directory above the resource's must exist if `initial` is given. */
export interface JournalOptions<M extends Machine> extends CurrentEpochOptions<M> {
  /** Rotate past this many bytes. Default 122,880. */
  rotateBytes?: number;
  /** The first header's payload, if the journal is to be made where there is none. */
  initial?: Initial<M>;
  /** Whether a machine can be the successor of another one, or is that of a resource which was made anew. Default: always. */
  succeeds?: (next: M, last: M) => boolean;
}

/**
 * An append-only file that is replaced, epoch by epoch, by one that starts with its folded state.
 *
 * - The kernel puts concurrent appends in one order; every session folds the same records in that order.
 * - The first seal ends an epoch. A record behind it is void, and its writer, which reads it back
 *   behind the seal, repeats it in the next epoch.
 * - The highest-numbered file is never deleted, but for a forgotten one. One predecessor is kept for history.
 * - A record may end the resource itself, if nobody uses it: it is forgotten. Then that record is the seal, and the next
 *   epoch starts anew, for the session that makes the resource again; or the directory is removed.
 * - In one name no epoch's number comes twice, also if the directory was removed in between.
 */
export class Journal<M extends Machine> {
  readonly #options: JournalOptions<M>;
  readonly #rotateBytes: number;
  readonly #files: EpochFiles;
  readonly #current: CurrentEpoch<M>;
  #isOver = false;

  private constructor(options: JournalOptions<M>) {
    this.#options = options;
    this.#rotateBytes = options.rotateBytes ?? ROTATE_BYTES;
    this.#files = new EpochFiles(options);
    this.#current = new CurrentEpoch(options, this.#files);
  }

  /**
   * Opens the journal, up to date. Without `initial`, null if there is none.
   *
   * @throws {StoreError}
   */
  static open<M extends Machine>(options: JournalOptions<M>): Journal<M> | null {
    const journal = new Journal(options);
    try {
      if (journal.#guard('open', () => journal.#current.locate(options.initial))) return journal;
      // The epoch that is open was forgotten.
      journal.close();
      return null;
    } catch (error) {
      // A sealed epoch may be open, and the next one could not be made.
      journal.close();
      throw error;
    }
  }

  /** The state after every record folded so far. A new object after each rotation. */
  get machine(): M {
    return this.#current.epoch.machine;
  }

  get epoch(): number {
    return this.#current.epoch.number;
  }

  /** As `Epoch.revision`. */
  get revision(): number {
    return this.#current.epoch.revision;
  }

  /** When its file was last written to, in ms since 1970. */
  modifiedMs(): number {
    return this.#guard('read', () => this.#host.files.facts(this.#current.epoch.fd).modifiedMs);
  }

  /** Whether the resource was deleted or forgotten, or made anew as another one. For good: what is there by now has to be opened. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Folds what is new. True if there was anything. Where the resource is not there any more, the journal `isOver`. */
  refresh(): boolean {
    return this.#guard('read', () => {
      if (this.#isOver) return false;
      const news = this.#current.epoch.fold();
      if (!this.#current.epoch.sealed) return news;
      this.#follow(false);
      return true;
    });
  }

  /**
   * Appends a record, and returns when it is folded, in this epoch or a later one. `text` is the record's JSON. A crash
   * at any moment leaves the record whole, or void. A rotation behind the record may have made the machine anew.
   *
   * @returns what the machine decided of the record
   * @throws {StoreError} and then the record is void; unless the code is `STORE_UNSURE`: then that is not known. If the
   * resource is not there any more, the journal `isOver`.
   */
  append(record: JournalRecord, text: string | RecordBytes): OutcomeOf<M> {
    let outcome: OutcomeOf<M>;
    try {
      outcome = this.#appendWherever(record, typeof text === 'string' ? encoded(text) : text);
    } catch (error) {
      throw this.#explained('write', error);
    }
    const { offset, headerBytes } = this.#current.epoch;
    if (offset - headerBytes > this.#rotatePast(headerBytes) && !this.machine.isForgotten) this.#rotate();
    return outcome;
  }

  /**
   * How many bytes of records an epoch takes. Behind a large header as many as that has: so a rotation writes no more than the records
   * before it did, whatever the state.
   */
  #rotatePast(headerBytes: number): number {
    return headerBytes > ROTATE_BYTES ? Math.max(this.#rotateBytes, headerBytes) : this.#rotateBytes;
  }

  /**
   * Appends in this epoch, or the next, or the one after that: until the record is folded before a seal.
   *
   * A record that was written and is not folded is torn: the kernel took a part, another process appended, and libuv
   * appended the rest behind that. So it is void for ever, and is written once more. (Not where other machines' caches
   * may still deliver it later: a guarded append has no other beside it.)
   */
  #appendWherever(record: JournalRecord, { bytes, length }: RecordBytes): OutcomeOf<M> {
    if (this.#isOver) throw goneError(this.#options);
    let mayBeTorn = !this.#isGuarded;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (this.#current.epoch.sealed) this.#moveOn();
      const folded = this.#current.epoch.append(record, bytes, length);
      if (folded) return folded.outcome;
      if (this.#current.epoch.sealed) continue;
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
      const found = this.#host.files.look(this.#files.path(this.#current.epoch.number));
      // In a guarded store a look may be a minute old, and show the size of then.
      if (found?.inode === this.#current.inode) return this.#isGuarded || found.size >= this.#current.epoch.offset;
      // Or it has only been rotated away since our last look. Then there is a seal to read; or, where a file that
      // has no name any more cannot be read, a higher epoch.
      this.#current.epoch.fold();
      const isRotated = this.#current.epoch.sealed || (this.#isGuarded && this.#files.highest() > this.epoch);
      return isRotated && this.#follow(false);
    });
  }

  close(): void {
    this.#current.close();
  }

  /** Whether its other writers may be on other machines. */
  get #isGuarded(): boolean {
    return this.#options.keptEpochs !== undefined;
  }

  get #host(): Host {
    return this.#options.host;
  }

  /** Ends this epoch, unless another session's seal was folded with our record. Ignores errors: the next caller meets them, too, and has something to lose. */
  #rotate(): void {
    const id = `${this.#options.key}:seal${this.#current.epoch.number}`;
    const record: JournalRecord = ['seal', id, recordTime(this.#host.clock.wallMicros())];
    try {
      const { bytes, length } = encoded(JSON.stringify(record));
      this.#current.epoch.append(record, bytes, length);
      if (this.#current.epoch.sealed && !this.machine.isForgotten) this.#moveOn();
    } catch {
      // The record before it is in the journal, and its writer must learn of that success.
    }
  }

  /** From a sealed epoch that is folded to its end to the newest there is. */
  #moveOn(): void {
    if (!this.#follow()) throw goneError(this.#options);
  }

  /** The same. False if there is none, or that of another resource: then the journal is over. Only `open` makes a resource. */
  #follow(makesNext = true): boolean {
    const last = this.#current.epoch.machine;
    const { succeeds = () => true } = this.#options;
    this.#isOver = !this.#current.locate(undefined, makesNext) || !succeeds(this.machine, last);
    return !this.#isOver;
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

function encoded(json: string): RecordBytes {
  const bytes = Buffer.from(`\n${json}`);
  return { bytes, length: bytes.length };
}
