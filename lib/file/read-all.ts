import type { DocumentHost } from '../host/document-host.ts';
import { systemError } from '../host/errno.ts';

/** The longest string that V8 makes: the contents are parsed. */
export const MAX_FILE_BYTES = 2 ** 29 - 25;
const READ_BYTES = 8 * 1024;

/**
 * Reads a file to its end. `size` is the expected size, which only saves reads.
 *
 * @throws the system's error; `EFBIG` if the file has grown beyond `MAX_FILE_BYTES`
 */
export function readAll(host: DocumentHost, fd: number, size: number): Buffer {
  const chunks: Buffer[] = [];
  let position = 0;
  for (;;) {
    const rest = Math.max(size - position, 0) + 1;
    const chunk = Buffer.allocUnsafe(Math.max(rest, READ_BYTES));
    const length = host.read(fd, chunk, position);
    if (length === 0) return chunks.length === 1 ? (chunks[0] ?? chunk) : Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
    position += length;
    if (position > MAX_FILE_BYTES) throw systemError('EFBIG', 'it grows as it is read');
  }
}
