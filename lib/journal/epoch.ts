import type { Host } from '../host/host.ts';
import { writeAtOnce } from '../host/whole-write.ts';
import { HeaderError, readHeader } from './epoch-header.ts';
import { arrayIn } from './json-array.ts';
import type { JournalRecord } from './record.ts';

/** The state that a journal is folded into. It must be deterministic: no clock, no files. */
export interface Machine {
  /** Folds one record in. Returns what it decided of it. */
  apply(record: JournalRecord): unknown;
  /** The whole state, as the first record of the next epoch keeps it. */
  header(): unknown;
  /** Whether a record ended all of it: that record is a seal, and the next epoch does not start with this state. */
  readonly isForgotten: boolean;
}

/** A machine's decision about a record. */
export type OutcomeOf<M extends Machine> = ReturnType<M['apply']>;

/** A record that was appended and has been folded. */
export interface Folded<M extends Machine> {
  outcome: OutcomeOf<M>;
}

/** A record may have been written, but cannot be read back: this session does not know whether it counts. */
export class UnsureError extends Error {
  constructor(cause: unknown) {
    super('a record could not be read back', { cause });
  }
}

const NEWLINE = 0x0a;
/** No journal of one epoch is longer, unless it cannot be rotated. */
const REVISIONS = 2 ** 27;
const READ_BYTES = 64 * 1024;
/** A longer line is no record. The header, which holds a whole line of entries, may be longer. */
const MAX_RECORD_BYTES = READ_BYTES - 1;

// One buffer for all: everything here is synchronous, and nothing that a record sets off runs before
// the read that found it is over.
const shared = Buffer.allocUnsafe(READ_BYTES);

/**
 * One file of a journal: append to it, and fold what is new in it.
 *
 * A record is a newline and then a JSON array, in one `write`. It needs no newline behind it: no
 * proper prefix of a JSON array is a JSON array, so a last line that parses is whole, and one that
 * does not is pending. The newline in front keeps a torn record (its writer was killed, or the disk
 * is full) from running into its neighbour: it stays a line of its own, that does not parse.
 *
 * A record also counts if something stands behind it in its line (`echo x >> journal`): a session that read the record
 * before that came has applied it already, and all sessions must see the same line.
 */
export class Epoch<M extends Machine> {
  readonly number: number;
  readonly fd: number;
  readonly machine: M;
  readonly headerBytes: number;
  readonly #host: Host;
  /** Everything before it is folded. */
  #offset = 0;
  #sealed = false;
  /** The bytes before the next newline are no record: they stand behind one, or their line is too long. */
  #skipping = true;
  /** The id of the record that is being appended. */
  #awaited = '';
  /** The same record, once it has been folded. */
  #folded: Folded<M> | null = null;
  #isWhole = false;

  /**
   * Reads the header; `fold` reads the rest. `isGlance`: folds what came with the header, too, if that is the whole file.
   *
   * @throws {HeaderError}
   */
  constructor(host: Host, fd: number, number: number, load: (header: unknown) => M, isGlance = false) {
    this.#host = host;
    this.fd = fd;
    this.number = number;
    const { payload, bytes, length } = readHeader(host.files, fd, shared);
    try {
      this.machine = load(payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new HeaderError('STORE_DAMAGED', error.message, error);
    }
    this.headerBytes = bytes;
    this.#isWhole = isGlance && length < READ_BYTES;
    if (this.#isWhole) this.#foldRead(length, bytes);
    else this.#offset = bytes;
  }

  /** Whether a glance read the whole file. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether a seal ends the epoch. Everything behind the first one is void. */
  get sealed(): boolean {
    return this.#sealed;
  }

  get offset(): number {
    return this.#offset;
  }

  /** A number for what has been folded: another one after each record, in this epoch and the next ones. */
  get revision(): number {
    return this.number * REVISIONS + this.#offset;
  }

  /** Folds what is new. True if there was anything. */
  fold(): boolean {
    const before = this.#offset;
    while (!this.#sealed && this.#foldRead(this.#host.files.read(this.fd, shared, this.#offset)));
    return this.#offset !== before;
  }

  /**
   * Appends a record and folds up to it, and what else there is. Not to an epoch that was read as sealed:
   * the fold stands at the seal, and must not go on behind it.
   *
   * @returns what the machine decided of it; null if it is void, because it stands behind the seal, or was not written
   * @throws the write's error, and then the record was not folded; `ENOSPC` also for a torn write
   * @throws {UnsureError} if it cannot be read whether the record is in the file
   */
  append(record: JournalRecord, bytes: Buffer, length: number): Folded<M> | null {
    if (this.#sealed) return null;
    this.#awaited = record[1];
    this.#folded = null;
    let failure: unknown = null;
    try {
      writeAtOnce(this.#host.files, this.fd, bytes, length);
    } catch (error) {
      failure = error;
    }
    try {
      this.#foldWritten(record, failure === null ? length : 0);
    } catch (error) {
      if (!this.#folded) throw new UnsureError(failure ?? error);
    }
    // Whatever the error says, the file decides.
    if (!this.#folded && failure !== null) throw failure;
    return this.#folded;
  }

  /** Folds what is new, `length` bytes of which are the record that we have just written. */
  #foldWritten(record: JournalRecord, length: number): void {
    const read = this.#host.files.read(this.fd, shared, this.#offset);
    if (length > 0 && read === length) {
      // Our record stands whole in the bytes that were not folded yet, and there are just as many: so they are our
      // record, and need no parsing.
      this.#offset += length;
      this.#skipping = true;
      this.#accept(record);
    } else if (this.#foldRead(read)) {
      this.fold();
    }
  }

  /** Folds the first `length` bytes of the shared buffer, from `start` on. True if there may be more to read. */
  #foldRead(length: number, start = 0): boolean {
    for (let end = newlineIn(start, length); end !== -1; end = newlineIn(start, length)) {
      this.#foldLine(start, end);
      start = end + 1;
      if (this.#sealed) break;
    }
    const atEnd = length < READ_BYTES;
    if (!this.#sealed && start < length) start = this.#foldTail(start, length, atEnd);
    this.#offset += start;
    return !atEnd;
  }

  /** Folds a line that no newline ends yet. Returns up to where the buffer is folded. */
  #foldTail(start: number, length: number, atEnd: boolean): number {
    if (this.#skipping) return length;
    const isTooLong = length - start > MAX_RECORD_BYTES;
    if (!isTooLong && !atEnd) return start;
    const isRecord = this.#foldRecord(start, Math.min(length, start + MAX_RECORD_BYTES));
    this.#skipping = isRecord || isTooLong;
    return this.#skipping ? length : start;
  }

  #foldLine(start: number, end: number): void {
    if (!this.#skipping) this.#foldRecord(start, end);
    this.#skipping = false;
  }

  /** Applies the record with which this part of the buffer begins. False if there is none. */
  #foldRecord(start: number, end: number): boolean {
    const value = end > start ? arrayIn(shared, start, end) : null;
    if (!isRecord(value)) return false;
    this.#accept(value);
    return true;
  }

  #accept(record: JournalRecord): void {
    const isSeal = record[0] === 'seal';
    const outcome = (isSeal ? null : this.machine.apply(record)) as OutcomeOf<M>;
    if (isSeal || this.machine.isForgotten) this.#sealed = true;
    if (record[1] !== this.#awaited) return;
    this.#awaited = '';
    this.#folded = { outcome };
  }
}

function newlineIn(start: number, length: number): number {
  const at = shared.indexOf(NEWLINE, start);
  return at < length ? at : -1;
}

function isRecord(value: unknown[] | null): value is [string, string, ...unknown[]] {
  return value !== null && typeof value[0] === 'string' && typeof value[1] === 'string' && value[1] !== '';
}
