import type { StoreError } from '../errors.ts';
import { isErrno } from '../host/errno.ts';
import type { Files, Host } from '../host/host.ts';
import { writeWhole } from '../host/whole-write.ts';
import { Epoch, encodeHeader, HeaderError, type Machine } from './epoch.ts';
import { journalError, journalFailure } from './journal-error.ts';
import type { JournalRecord } from './record.ts';

export type { Machine } from './epoch.ts';

/** Past this many bytes of records an epoch is sealed, and the next one starts with the folded state. */
const ROTATE_BYTES = 64 * 1024;
/** How often to start over before giving up: each round lost means that others rotated meanwhile. */
export const MAX_ROUNDS = 1_000;
/** More digits than this a journal's number does not have. */
const MAX_EPOCH = 999_999_999_999_999;
/** Epochs are rotated long before. Reading through what is larger would take its time, and find nothing. */
export const MAX_JOURNAL_BYTES = 2 ** 30;

export interface JournalOptions<M extends Machine> {
  host: Host;
  /** The resource's directory. It must exist if `initial` is given. */
  directory: string;
  /** The resource, for messages. */
  subject: string;
  /** Distinguishes this session's private files from everybody else's. */
  key: string;
  fileMode: number;
  /** Rotate past this many bytes. Default 65,536. */
  rotateBytes?: number;
  /** How many of the epochs before the current one are kept. Default 1: for history. */
  keptEpochs?: number;
  /** The first header's payload, if the journal is to be made where there is none. */
  initial?: () => unknown;
  /** Makes the machine from a header's payload. A `RangeError` says that the payload is damaged. */
  load: (header: unknown) => M;
  /** Only look. An epoch that was left sealed, without a successor, is what there is; nobody makes the next one here. */
  readOnly?: boolean;
}

/** What a journal is called, with its epoch. */
export const JOURNAL = /^journal\.([1-9]\d{0,14})$/;
/** What a session calls the epoch that it is about to publish. */
export const PRIVATE = /^next\.([1-9]\d{0,14})\./;

/**
 * An append-only file that is replaced, epoch by epoch, by one that starts with its folded state.
 *
 * - The kernel puts concurrent appends in one order; everybody folds the same records in that order.
 * - The first seal ends an epoch. What stands behind it is void, and its writer, who reads it back
 *   behind the seal, repeats it in the next epoch.
 * - The highest-numbered file is never deleted. One predecessor is kept for history.
 */
export class Journal<M extends Machine> {
  readonly #options: JournalOptions<M>;
  readonly #rotateBytes: number;
  #epoch: Epoch<M>;
  #inode: number;
  #privateFiles = 0;
  #out = Buffer.allocUnsafe(4096);

  private constructor(options: JournalOptions<M>) {
    this.#options = options;
    this.#rotateBytes = options.rotateBytes ?? ROTATE_BYTES;
    // `open` is the only caller and sets both before anybody sees this.
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
      return journal.#guard('open', () => journal.#locate()) ? journal : null;
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

  /** Folds what is new. True if there was anything. */
  refresh(): boolean {
    return this.#guard('read', () => {
      const news = this.#epoch.fold();
      if (!this.#epoch.sealed) return news;
      this.#moveOn();
      return true;
    });
  }

  /**
   * Appends a record, and returns when it has come by in the fold, in this epoch or a later one.
   * `json` is the record's text. A crash at any moment leaves the record whole, or void.
   *
   * @throws {StoreError} and then the record is void; unless the code is `STORE_UNSURE`: then that is not known
   */
  append(record: JournalRecord, json: string): void {
    try {
      this.#appendWherever(record, this.#encode(json));
    } catch (error) {
      throw this.#explained('write', error);
    }
    if (this.#epoch.offset > this.#epoch.headerBytes + this.#rotateBytes) this.#rotate();
  }

  /**
   * In this epoch, or the next, or the one after that: until it has come by before a seal.
   *
   * One that does not come by, though it was written, is torn: the kernel took a part, somebody else appended, and libuv
   * appended the rest behind that. So it is void for ever, and is written once more. (Not where others' caches may
   * still have it come by later: a guarded append has nobody beside it.)
   */
  #appendWherever(record: JournalRecord, length: number): void {
    let mayBeTorn = !this.#isFarAway;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (this.#epoch.sealed) this.#moveOn();
      if (this.#epoch.append(record, this.#out, length)) return;
      if (this.#epoch.sealed) continue;
      if (!mayBeTorn) throw this.#error('STORE_DAMAGED', 'a record that was appended did not come by');
      mayBeTorn = false;
    }
    throw this.#error('STORE_BUSY', `it rotated ${MAX_ROUNDS} times while one record was being written`);
  }

  /**
   * False if the file that is open is no longer the one in the store, or says less than was read from it: the store
   * was deleted, replaced, or rolled back.
   */
  isInPlace(): boolean {
    return this.#guard('read', () => {
      const found = this.#host.files.look(this.#path(this.#epoch.number));
      // Of a guarded store a look may be a minute old, and show the size of then.
      if (found?.inode === this.#inode) return this.#isFarAway || found.size >= this.#epoch.offset;
      // Or it has only been rotated away since our last look. Then there is a seal to read; or, where a file that
      // has no name any more cannot be read, a higher epoch.
      this.#epoch.fold();
      const isRotated = this.#epoch.sealed || (this.#isFarAway && this.#highest() > this.epoch);
      if (!isRotated) return false;
      this.#moveOn();
      return true;
    });
  }

  close(): void {
    this.#close(this.#epoch.fd);
  }

  /** Whatever it says, the descriptor is gone then, and may be somebody else's: so it is closed once. */
  #close(fd: number): void {
    try {
      this.#host.files.close(fd);
    } catch {
      // What was written has been read back, or synced.
    }
  }

  /** Whether others that write to it may be on other machines. */
  get #isFarAway(): boolean {
    return this.#options.keptEpochs !== undefined;
  }

  get #host(): Host {
    return this.#options.host;
  }

  #path(epoch: number): string {
    return `${this.#options.directory}/journal.${epoch}`;
  }

  #encode(json: string): number {
    const most = 1 + json.length * 3;
    if (most > this.#out.length) this.#out = Buffer.allocUnsafe(most);
    this.#out[0] = 0x0a;
    return 1 + this.#out.write(json, 1);
  }

  /** Ends this epoch, unless another's seal came by with our record. What goes wrong here goes wrong for the next caller too, who has something to lose. */
  #rotate(): void {
    const id = `${this.#options.key}:seal${this.#epoch.number}`;
    const record: JournalRecord = ['seal', id, this.#host.clock.wallMicros()];
    try {
      this.#epoch.append(record, this.#out, this.#encode(JSON.stringify(record)));
      if (this.#epoch.sealed) this.#moveOn();
    } catch {
      // The record that brought us here is in the journal, and its writer must hear of success.
    }
  }

  /** From a sealed epoch that is folded to its end to the newest there is. */
  #moveOn(): void {
    if (!this.#locate()) throw this.#error('STORE_GONE', 'it has been deleted');
  }

  /**
   * Opens the highest epoch; where it is sealed, makes the next one, and starts over.
   *
   * Without the second listing:
   *   1. P lists, and finds 2 the highest;
   *   2. others rotate to 4 and delete 2;
   *   3. R, who had stopped before linking its own 2, links it now: EEXIST no longer saves it;
   *   4. P opens R's 2, which nobody else will ever look at, and holds the lock there alone.
   * The highest number only grows, and the highest file is never deleted. So if it is the same after
   * the opening as before, the file opened is the one that everybody else opens.
   */
  #locate(): boolean {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const highest = this.#highest();
      if (highest === 0) {
        if (!this.#options.initial) return false;
        this.#publish(1, this.#options.initial());
        continue;
      }
      if (this.#epoch?.sealed && highest === this.#epoch.number) {
        // Where we come from: it is folded already, and nobody has made the next one yet.
        if (this.#options.readOnly) return true;
        this.#publish(highest + 1, this.#epoch.machine.header());
        continue;
      }
      const epoch = this.#openEpoch(highest);
      if (!epoch) continue;
      if (!epoch.sealed || this.#options.readOnly) return true;
      this.#publish(highest + 1, epoch.machine.header());
    }
    throw this.#error('STORE_BUSY', `it rotated ${MAX_ROUNDS} times while it was being opened`);
  }

  /** Opens an epoch, if it is still the highest, folds it, and makes it the current one. */
  #openEpoch(number: number): Epoch<M> | null {
    const { files } = this.#host;
    let fd: number;
    try {
      fd = files.openForAppend(this.#path(number));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    }
    try {
      if (this.#highest() !== number) {
        this.#close(fd);
        return null;
      }
      const { inode, size } = files.look(this.#path(number)) ?? { inode: 0, size: 0 };
      if (size > MAX_JOURNAL_BYTES) throw new HeaderError('STORE_DAMAGED', `no journal has ${size} bytes`);
      const epoch = new Epoch(this.#host, fd, number, this.#options.load);
      epoch.fold();
      this.#adopt(epoch, inode);
      return epoch;
    } catch (error) {
      this.#close(fd);
      throw error;
    }
  }

  #adopt(epoch: Epoch<M>, inode: number): void {
    if (this.#epoch) this.#close(this.#epoch.fd);
    this.#epoch = epoch;
    this.#inode = inode;
  }

  /**
   * Puts an epoch's file in place, whole or not at all. If somebody else has done it, theirs says the
   * same. A process killed in here leaves a private file, which a later rotation sweeps away.
   */
  #publish(number: number, payload: unknown): void {
    if (number > MAX_EPOCH) throw this.#error('STORE_DAMAGED', `there is no number behind journal.${MAX_EPOCH}`);
    const { files } = this.#host;
    const { path, fd } = this.#createPrivate(number);
    try {
      try {
        writeWhole(encodeHeader(payload), (rest) => files.write(fd, rest, rest.length));
        // A file in place is whole, also after a power cut: its name must not come before its contents.
        files.sync(fd);
      } finally {
        this.#close(fd);
      }
      files.link(path, this.#path(number));
    } catch (error) {
      // Swept away by another's rotation: then there is a higher epoch than the one we were making.
      if (!isErrno(error, 'ENOENT')) throw error;
    } finally {
      this.#tidy(() => files.remove(path));
    }
    this.#tidy(() => this.#sweep());
  }

  /** What cannot be removed now a later rotation removes. */
  #tidy(call: () => void): void {
    try {
      call();
    } catch {
      // A leftover harms nobody.
    }
  }

  #createPrivate(number: number): { path: string; fd: number } {
    for (;;) {
      const path = `${this.#options.directory}/next.${number}.${this.#options.key}.${++this.#privateFiles}`;
      try {
        return { path, fd: this.#host.files.create(path, this.#options.fileMode) };
      } catch (error) {
        // An earlier try of this session left it, and could not remove it.
        if (!isErrno(error, 'EEXIST') || this.#privateFiles > MAX_ROUNDS) throw error;
      }
    }
  }

  #highest(): number {
    return highestIn(this.#host.files.list(this.#options.directory) ?? []);
  }

  /** Removes epochs below the highest but one, and private files for epochs that exist. */
  #sweep(): void {
    const { files } = this.#host;
    const names = files.list(this.#options.directory) ?? [];
    const highest = highestIn(names);
    for (const name of names) {
      const old = Number(JOURNAL.exec(name)?.[1] ?? highest) < highest - (this.#options.keptEpochs ?? 1);
      const leftover = Number(PRIVATE.exec(name)?.[1] ?? highest + 1) <= highest;
      if (old || leftover) files.remove(`${this.#options.directory}/${name}`);
    }
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

/** The numbers of the epochs among the names in a directory, ascending. */
export function epochsIn(names: readonly string[]): number[] {
  return names
    .map((name) => Number(JOURNAL.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}

/** The file that says how a resource is now, by its path; null if there is none. */
export function newestJournal(files: Files, directory: string): string | null {
  const highest = highestIn(files.list(directory) ?? []);
  return highest === 0 ? null : `${directory}/journal.${highest}`;
}

function highestIn(names: readonly string[]): number {
  return names.reduce((highest, name) => Math.max(highest, Number(JOURNAL.exec(name)?.[1] ?? 0)), 0);
}
