import type { DocumentHost } from '../host/document-host.ts';
import { systemError } from '../host/errno.ts';

/**
 * Writes all bytes: one `write` may take less than it was given, on a full disk, at a limit, after a signal.
 *
 * @throws the system's error (rejects); what was written until then stays
 */
export async function writeAll(host: DocumentHost, fd: number, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const written = await host.write(fd, rest);
    // Whatever stands between us and the system: a count that makes no sense must not have us write for ever.
    if (!(written > 0 && written <= rest.length)) throw systemError('ENOSPC', `a write took ${written} bytes`);
    rest = rest.subarray(written);
  }
}
