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

/**
 * Writes a file whole or not at all, without a lock: for a file that one program writes and others read, such as a
 * report. A reader meanwhile sees the old contents. An existing file keeps its mode, access list and attributes, and
 * its owner where possible; a symbolic link is followed. A terminal, a pipe or a device is written to directly.
 *
 * @throws {StoreError} (rejects) and a file is unchanged
 */
export async function replaceFile(file: string, bytes: Uint8Array, host: DocumentHost = nodeDocuments): Promise<void> {
  try {
    const target = realPathOf(host, file);
    const facts = target === null ? null : host.look(target);
    if (facts === null) return await makeFile(host, path.resolve(file), bytes);
    if (facts.kind === 'other') return await writeStream(host, file, bytes);
    await replaceExisting(file, bytes, host);
  } catch (error) {
    throw fileErrorOf(error, { operation: 'write', path: file });
  }
}

async function replaceExisting(file: string, bytes: Uint8Array, host: DocumentHost): Promise<void> {
  const document = Document.open(file, host);
  try {
    await document.sweepOld();
    await document.replace(bytes, { allowNewOwner: true });
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

async function makeFile(host: DocumentHost, file: string, bytes: Uint8Array): Promise<void> {
  const directory = host.openDirectory(host.realPath(path.dirname(file)));
  try {
    const name = path.basename(file);
    sweepOldTemporaryFiles(host, directory, await TemporaryNames.of(name));
    const made = await NewFile.make({ host, directory, name }, NEW_FILE_MODE);
    try {
      await made.fill(bytes);
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
