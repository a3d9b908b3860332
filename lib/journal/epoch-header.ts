import { closeOnce } from '../host/close-once.ts';
import type { Files } from '../host/host.ts';
import { writeWhole } from '../host/whole-write.ts';
import { arrayIn, endOfArray } from './json-array.ts';

/** The file's first record is not a header that this version of Lockstep understands. */
export class HeaderError extends Error {
  readonly code: 'STORE_FORMAT' | 'STORE_DAMAGED';

  constructor(code: 'STORE_FORMAT' | 'STORE_DAMAGED', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The result of a read of an epoch's header. */
export interface HeaderRead {
  payload: unknown;
  /** The header's length. */
  bytes: number;
  /** How much was read in all. */
  length: number;
}

const FORMAT = 2;
const NEWLINE = 0x0a;
const MAX_HEADER_BYTES = 64 * 1024 * 1024;
/** No header is nested half as deep; parsing 64 MiB of brackets would take half a minute. */
const MAX_HEADER_DEPTH = 16;

export function encodeHeader(payload: unknown): Buffer {
  return Buffer.from(JSON.stringify(['lockstep', FORMAT, payload]));
}

/** Writes a new epoch's header, and closes its file. */
export function writeHeader(files: Files, fd: number, payload: unknown): void {
  try {
    writeWhole(encodeHeader(payload), (rest) => files.write(fd, rest, rest.length));
    // A file in place is whole, also after a power cut: its name must not come before its contents.
    files.sync(fd);
  } finally {
    closeOnce(files, fd);
  }
}

/**
 * Reads an epoch's header, into this buffer if it is large enough: then all that was read stands there.
 *
 * @throws {HeaderError}
 */
export function readHeader(files: Files, fd: number, first: Buffer): HeaderRead {
  let buffer = first;
  let length = files.read(fd, buffer, 0);
  let end = buffer.subarray(0, length).indexOf(NEWLINE);
  while (end === -1 && length === buffer.length && length < MAX_HEADER_BYTES) {
    buffer = Buffer.allocUnsafe(length * 4);
    length = files.read(fd, buffer, 0);
    end = buffer.subarray(0, length).indexOf(NEWLINE);
  }
  const bytes = end === -1 ? length : end;
  // A header that fits into one read is parsed at once.
  const isDeep = bytes > first.length && endOfArray(buffer, 0, bytes, MAX_HEADER_DEPTH) === -1;
  return { payload: payloadOf(isDeep ? null : arrayIn(buffer, 0, bytes)), bytes, length };
}

function payloadOf(header: unknown[] | null): unknown {
  if (header?.[0] !== 'lockstep') {
    throw new HeaderError('STORE_DAMAGED', 'its first line is not the header of a journal');
  }
  const [, format, payload] = header;
  if (format === FORMAT) return payload;
  const named = ['number', 'string'].includes(typeof format) ? String(format).slice(0, 20) : 'another';
  throw new HeaderError('STORE_FORMAT', `it has format ${named}, and this Lockstep knows ${FORMAT}`);
}
