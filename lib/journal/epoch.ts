import type { Host } from '../host/host.ts';
import { writeAtOnce } from '../host/whole-write.ts';
import { endOfArray } from './json-array.ts';
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

/** The file's first record is not a header that this version of Lockstep understands. */
export class HeaderError extends Error {
  readonly code: 'STORE_FORMAT' | 'STORE_DAMAGED';

  constructor(code: 'STORE_FORMAT' | 'STORE_DAMAGED', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A record may have been written, but cannot be read back: this session does not know whether it counts. */
export class UnsureError extends Error {
  constructor(cause: unknown) {
    super('a record could not be read back', { cause });
  }
}

const FORMAT = 2;
const NEWLINE = 0x0a;
const CLOSING_BRACKET = 0x5d;
const READ_BYTES = 64 * 1024;
/** A longer line is no record. The header, which holds a whole line of entries, may be longer. */
const MAX_RECORD_BYTES = READ_BYTES - 1;
const MAX_HEADER_BYTES = 64 * 1024 * 1024;
/** No header is nested half as deep; parsing 64 MiB of brackets would take half a minute. */
const MAX_HEADER_DEPTH = 16;

// One buffer for all: everything here is synchronous, and nothing that a record sets off runs before
// the read that found it is over.
const shared = Buffer.allocUnsafe(READ_BYTES);

export function encodeHeader(payload: unknown): Buffer {
  return Buffer.from(JSON.stringify(['lockstep', FORMAT, payload]));
}

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
  #offset: number;
  #sealed = false;
  /** The bytes before the next newline are no record: they stand behind one, or their line is too long. */
  #skipping = true;
  /** The id of the record that is being appended. */
  #awaited = '';
  /** The same record, once it has been folded. */
  #folded: Folded<M> | null = null;

  /**
   * Reads the header; `fold` reads the rest.
   *
   * @throws {HeaderError}
   */
  constructor(host: Host, fd: number, number: number, load: (header: unknown) => M) {
    this.#host = host;
    this.fd = fd;
    this.number = number;
    const { payload, bytes } = this.#readHeader();
    try {
      this.machine = load(payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new HeaderError('STORE_DAMAGED', error.message, error);
    }
    this.headerBytes = bytes;
    this.#offset = bytes;
  }

  /** Whether a seal ends the epoch. Everything behind the first one is void. */
  get sealed(): boolean {
    return this.#sealed;
  }

  get offset(): number {
    return this.#offset;
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

  /** Folds the first `length` bytes of the shared buffer. True if there may be more to read. */
  #foldRead(length: number): boolean {
    let start = 0;
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

  #readHeader(): { payload: unknown; bytes: number } {
    let buffer = shared;
    let length = this.#host.files.read(this.fd, buffer, 0);
    let end = buffer.subarray(0, length).indexOf(NEWLINE);
    while (end === -1 && length === buffer.length && length < MAX_HEADER_BYTES) {
      buffer = Buffer.allocUnsafe(length * 4);
      length = this.#host.files.read(this.fd, buffer, 0);
      end = buffer.subarray(0, length).indexOf(NEWLINE);
    }
    const bytes = end === -1 ? length : end;
    return { payload: payloadIn(buffer, bytes), bytes };
  }
}

function newlineIn(start: number, length: number): number {
  const at = shared.indexOf(NEWLINE, start);
  return at < length ? at : -1;
}

/** Parses the JSON array with which some bytes begin; null if they do not begin with a whole one. */
function arrayIn(bytes: Buffer, start: number, end: number): unknown[] | null {
  // Mostly nothing stands behind it, and no search is needed.
  const whole = bytes[end - 1] === CLOSING_BRACKET ? parseArray(bytes.toString('utf8', start, end)) : null;
  if (whole) return whole;
  const arrayEnd = endOfArray(bytes, start, end);
  return arrayEnd === -1 ? null : parseArray(bytes.toString('utf8', start, arrayEnd));
}

function parseArray(text: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown[] | null): value is [string, string, ...unknown[]] {
  return value !== null && typeof value[0] === 'string' && typeof value[1] === 'string' && value[1] !== '';
}

function payloadIn(bytes: Buffer, length: number): unknown {
  // A header that fits into one read is parsed at once.
  const isDeep = length > READ_BYTES && endOfArray(bytes, 0, length, MAX_HEADER_DEPTH) === -1;
  const value = isDeep ? null : arrayIn(bytes, 0, length);
  if (value?.[0] !== 'lockstep') {
    throw new HeaderError('STORE_DAMAGED', 'its first line is not the header of a journal');
  }
  const [, format, payload] = value;
  if (format === FORMAT) return payload;
  const named = ['number', 'string'].includes(typeof format) ? String(format).slice(0, 20) : 'another';
  throw new HeaderError('STORE_FORMAT', `it has format ${named}, and this Lockstep knows ${FORMAT}`);
}
