import fs from 'node:fs';

/**
 * A number in a plain file, which nothing protects: two who add to it at once lose one.
 *
 * It is written over in place, with a fixed width. `writeFileSync` would cut the file to nothing first,
 * and ext4 then sends it to the disk when it is closed: on a fast lock that is half of all the time.
 */
const DIGITS = 12;

export function writeCounter(fd: number, value: number): void {
  fs.writeSync(fd, String(value).padStart(DIGITS, '0'), 0);
}

export function readCounter(fd: number): number {
  const text = Buffer.alloc(DIGITS);
  fs.readSync(fd, text, 0, DIGITS, 0);
  return Number(text.toString());
}
