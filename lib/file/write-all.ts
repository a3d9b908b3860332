import type { DocumentHost } from '../host/document-host.ts';
import { systemError } from '../host/errno.ts';

/**
 * Writes all bytes: one `write` may take fewer than it was given, on a full disk, at a limit, after a signal. It is
 * asynchronous, and the host's `writeWhole` synchronous: the program continues while the disk is busy.
 *
 * @throws the system's error (rejects); the bytes written until then stay
 */
export async function writeAll(host: DocumentHost, fd: number, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const written = await host.write(fd, rest);
    // An implausible count, from whatever has wrapped `fs`, must not make this loop endless.
    if (!(written > 0 && written <= rest.length)) throw systemError('ENOSPC', `a write took ${written} bytes`);
    rest = rest.subarray(written);
  }
}
