import fs from 'node:fs';

/**
 * A number in a plain, unprotected file: of two concurrent additions one is lost. Beside it is the number of the process
 * that wrote it last.
 *
 * It is overwritten in place, with a fixed width. `writeFileSync` would truncate the file first,
 * and ext4 then flushes it to the disk on close: with a fast lock that is half of the total time.
 */
const DIGITS = 12;
const buffer = Buffer.alloc(2 * DIGITS);

export interface Counted {
  value: number;
  writer: number;
}

export function writeCounter(fd: number, { value, writer }: Counted): void {
  fs.writeSync(fd, String(value).padStart(DIGITS, '0') + String(writer).padStart(DIGITS, '0'), 0);
}

export function readCounter(fd: number): Counted {
  fs.readSync(fd, buffer, 0, buffer.length, 0);
  const text = buffer.toString('latin1');
  return { value: Number(text.slice(0, DIGITS)), writer: Number(text.slice(DIGITS)) };
}
