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
    if (written === 0) throw systemError('ENOSPC', 'nothing was written');
    rest = rest.subarray(written);
  }
}
