import path from 'node:path';
import type { DocumentHost } from '../host/document-host.ts';
import { isErrno } from '../host/errno.ts';
import { nodeDocuments } from '../host/node-documents.ts';
import { Document } from './document.ts';
import { fileErrorOf } from './file-error.ts';
import { NewFile } from './new-file.ts';
import { sweepOldTemporaryFiles, TemporaryNames } from './temporary-file.ts';
import { writeAll } from './write-all.ts';

/** Less the umask, as for a file of any program. */
const NEW_FILE_MODE = 0o666;
/** Of a new file that is not whole yet, if it gets its mode with its contents. */
const PRIVATE_MODE = 0o600;
/** The system makes the files here: `/dev/stdout` is a link, and means what it leads to. (In `/dev/shm` everybody may write.) */
const SYSTEM_PLACE = /^\/dev\/(fd\/)?[^/]+$|^\/proc\//;

export interface ReplaceFileOptions {
  /** The mode of a file that is not there yet, whatever the umask. Default: 0666 less the umask. */
  mode?: number;
  /**
   * If the file is a symbolic link: whether to replace what it leads to, or the link. The second is for a file that a program writes
   * by itself again and again: a user who may write in the directory could plant a link to any file that the program may write. Default:
   * true.
   */
  followsLink?: boolean;
}

/**
 * Writes a file whole or not at all, without a lock: for a file that one program writes and others read, such as a
 * report. A reader meanwhile sees the old contents. An existing file keeps its mode, access list and attributes, and
 * its owner where possible; a symbolic link is followed, unless the options say otherwise. A terminal, a pipe or a device is written
 * to directly.
 *
 * @throws {StoreError} (rejects) and a file is unchanged
 */
export async function replaceFile(
  file: string,
  bytes: Uint8Array,
  { mode, followsLink = true }: ReplaceFileOptions = {},
  host: DocumentHost = nodeDocuments,
): Promise<void> {
  const write = { host, bytes, mode };
  try {
    const own = followsLink ? null : ownPlaceOf(host, path.resolve(file));
    const target = own !== null && host.look(own)?.kind === 'link' ? null : realPathOf(host, own ?? file);
    const facts = target === null ? null : host.look(target);
    // `/dev/stdout` leads to a pipe, which has no place.
    if (target !== null && facts === null && host.look(file) !== null) return await writeStream(host, file, bytes);
    // Another place than its own: it has become a link since.
    if (facts === null || (own !== null && target !== own)) return await makeFile(own ?? path.resolve(file), write);
    if (facts.kind === 'other') return await writeStream(host, file, bytes);
    await replaceExisting(file, own, write);
  } catch (error) {
    throw fileErrorOf(error, { operation: 'write', path: file });
  }
}

interface Write {
  host: DocumentHost;
  bytes: Uint8Array;
  mode: number | undefined;
}

/** The file's name in its directory, all links above it resolved; null where the system keeps links of its own. */
function ownPlaceOf(host: DocumentHost, file: string): string | null {
  return SYSTEM_PLACE.test(file) ? null : path.join(host.realPath(path.dirname(file)), path.basename(file));
}

/** `own`: the place in which it must be; null: any. */
async function replaceExisting(file: string, own: string | null, write: Write): Promise<void> {
  const document = Document.open(file, write.host);
  try {
    if (own !== null && document.realPath !== own) return await makeFile(own, write);
    document.sweepOld();
    await document.replace(write.bytes, { allowNewOwner: true });
  } finally {
    document.close();
  }
}

function realPathOf(host: DocumentHost, file: string): string | null {
  try {
    return host.realPath(file);
  } catch (error) {
    const isDangling = host.look(file) !== null;
    if (isErrno(error, 'ENOENT') && !isDangling) return null;
    throw error;
  }
}

async function makeFile(file: string, { host, bytes, mode }: Write): Promise<void> {
  const directory = host.openDirectory(host.realPath(path.dirname(file)));
  try {
    const name = path.basename(file);
    sweepOldTemporaryFiles(host, directory, TemporaryNames.of(name));
    const made = NewFile.make({ host, directory, name }, mode === undefined ? NEW_FILE_MODE : PRIVATE_MODE);
    try {
      await made.fill(bytes, mode);
      made.putInPlace();
    } catch (error) {
      made.discard();
      throw error;
    } finally {
      made.close();
    }
    await directory.sync();
  } finally {
    directory.close();
  }
}

async function writeStream(host: DocumentHost, file: string, bytes: Uint8Array): Promise<void> {
  const fd = host.openStream(file);
  try {
    await writeAll(host, fd, bytes);
  } finally {
    host.close(fd);
  }
}
