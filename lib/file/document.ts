import path from 'node:path';
import type { StoreError } from '../errors.ts';
import type { DocumentDirectory, DocumentFacts, DocumentHost } from '../host/document-host.ts';
import { isErrno } from '../host/errno.ts';
import { nodeDocuments } from '../host/node-documents.ts';
import { type FileAct, fileError, fileErrorOf } from './file-error.ts';
import { MAX_FILE_BYTES, readAll } from './read-all.ts';
import { Replacement, type ReplaceOptions } from './replacement.ts';
import { sweepOldTemporaryFiles, sweepTemporaryFiles, TemporaryNames } from './temporary-file.ts';

/**
 * A regular file that is open to be replaced, once. Its directory and its contents stay the ones that were opened,
 * whatever their names lead to later.
 *
 * The replacement is a new file beside it that takes its name when it is whole. It keeps the owner, the group, the
 * mode, the access list and the extended attributes, or it is refused. A crash leaves the old file or the new one, and
 * at worst a temporary file, which the next replacement removes.
 */
export class Document {
  /** The path as the caller gave it, for messages. */
  readonly path: string;
  /** Where it leads, through every symbolic link. */
  readonly realPath: string;
  readonly #host: DocumentHost;
  readonly #directory: DocumentDirectory;
  readonly #fd: number;
  readonly #facts: DocumentFacts;
  #bytes: Buffer | null = null;

  private constructor(host: DocumentHost, file: string, place: { realPath: string; directory: DocumentDirectory }) {
    this.#host = host;
    this.path = file;
    this.realPath = place.realPath;
    this.#directory = place.directory;
    this.#fd = host.open(this.#target);
    try {
      this.#facts = host.facts(this.#fd);
      this.#checkKind(this.#facts);
    } catch (error) {
      host.close(this.#fd);
      throw error;
    }
  }

  /** @throws {StoreError} if the file is not there, is not regular, is too large, or cannot be opened */
  static open(file: string, host: DocumentHost = nodeDocuments): Document {
    const act: FileAct = { operation: 'read', path: file };
    try {
      const realPath = host.realPath(file);
      const directory = host.openDirectory(path.dirname(realPath));
      try {
        // Another process may have replaced a directory above it between the two calls.
        if (directory.place !== path.dirname(realPath)) throw changedError(act);
        return new Document(host, file, { realPath, directory });
      } catch (error) {
        directory.close();
        throw error;
      }
    } catch (error) {
      throw fileErrorOf(error, act);
    }
  }

  /** The contents at the first call. @throws {StoreError} */
  get bytes(): Buffer {
    this.#bytes ??= this.#guard('read', () => this.#read());
    return this.#bytes;
  }

  /** Refuses a file that this process may not write, before the caller works on its contents. @throws {StoreError} */
  checkReplaceable(): void {
    const { mode } = this.#facts;
    const act = this.#act('replace');
    // Root may write anything, but a file without any write permission is meant to stay as it is.
    if ((mode & 0o222) === 0)
      throw fileError(
        'FILE_DENIED',
        act,
        `it is read-only (mode 0${mode.toString(8)}): chmod u+w it first. It was not changed.`,
      );
    this.#guard('replace', () => this.#host.checkAccess(this.#target));
  }

  /** Removes the temporary files of killed writers. Only for the holder of the file's lock. */
  sweep(): void {
    sweepTemporaryFiles(this.#host, this.#directory, TemporaryNames.of(this.#name));
  }

  /** The same without the lock: only those that are old. */
  sweepOld(): void {
    sweepOldTemporaryFiles(this.#host, this.#directory, TemporaryNames.of(this.#name));
  }

  /**
   * Replaces the file, and syncs it and its directory.
   *
   * @throws {StoreError} (rejects) and the file is unchanged; except with `FILE_UNSYNCED`: it is the new one
   * @throws what `beforeRename` throws (rejects); the file is unchanged
   */
  async replace(bytes: Uint8Array, options: ReplaceOptions = {}): Promise<void> {
    try {
      await this.#replace(bytes, options);
    } catch (error) {
      throw fileErrorOf(error, this.#act('replace'));
    }
  }

  close(): void {
    this.#closeQuietly(this.#fd);
    this.#directory.close();
  }

  get #name(): string {
    return path.basename(this.realPath);
  }

  get #target(): string {
    return this.#directory.at(this.#name);
  }

  async #replace(bytes: Uint8Array, options: ReplaceOptions): Promise<void> {
    const { allowNewOwner = false, beforeRename, hintPlace } = options;
    const host = this.#host;
    host.checkWritable(this.#target);
    const place = { directory: this.#directory, name: this.#name };
    const replaced = { host, path: this.path, ...place, fd: this.#fd, facts: this.#facts, hintPlace };
    const replacement = Replacement.make(replaced);
    try {
      await replacement.fill(bytes, allowNewOwner);
      await beforeRename?.();
      // No wait from here to the rename: another writer has only microseconds to change the file in between.
      this.#assertUnchanged();
      await this.#putInPlace(replacement, beforeRename);
    } catch (error) {
      replacement.discard();
      throw error;
    } finally {
      replacement.close();
    }
    await this.#syncDirectory();
  }

  async #putInPlace(replacement: Replacement, beforeRename: ReplaceOptions['beforeRename']): Promise<void> {
    try {
      replacement.putInPlace();
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      // The next holder of the lock swept it, so the lease is lost: `beforeRename` reports that.
      await beforeRename?.();
      throw changedError(this.#act('replace'));
    }
  }

  /**
   * Checks that the path still leads to the file that was read, and that the file is unchanged. Its times may be too
   * coarse to show a change, so the contents are compared as well.
   *
   * @throws {StoreError}
   */
  #assertUnchanged(): void {
    const found = this.#host.look(this.#target);
    const isSame =
      found !== null &&
      this.#host.realPath(this.path) === this.realPath &&
      isSameFile(found, this.#facts) &&
      this.#read().equals(this.bytes);
    if (!isSame) throw changedError(this.#act('replace'));
  }

  async #syncDirectory(): Promise<void> {
    try {
      await this.#directory.sync();
    } catch (error) {
      throw fileError(
        'FILE_UNSYNCED',
        this.#act('replace'),
        `it was replaced, but its directory could not be synced (${(error as Error).message}): after a power cut it may be the old one again.`,
        error,
      );
    }
  }

  #checkKind({ kind, size }: DocumentFacts): void {
    const act = this.#act('read');
    if (kind === 'directory') throw fileError('FILE_NOT_REGULAR', act, 'it is a directory, not a file.');
    if (kind !== 'file') throw fileError('FILE_NOT_REGULAR', act, 'it is a FIFO, a socket or a device, not a file.');
    if (size > MAX_FILE_BYTES)
      throw fileError(
        'FILE_TOO_LARGE',
        act,
        `it has ${size} bytes, and at most ${MAX_FILE_BYTES} (512 MiB) can be edited.`,
      );
  }

  #read(): Buffer {
    return readAll(this.#host, this.#fd, this.#facts.size);
  }

  #closeQuietly(fd: number): void {
    try {
      this.#host.close(fd);
    } catch {
      // The descriptor is closed all the same, and it was only read.
    }
  }

  #guard<T>(operation: FileAct['operation'], call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw fileErrorOf(error, this.#act(operation));
    }
  }

  #act(operation: FileAct['operation']): FileAct {
    return { operation, path: this.path };
  }
}

function changedError(act: FileAct): StoreError {
  return fileError(
    'FILE_CHANGED',
    act,
    'a program that does not use its lock (an editor, a deployment) changed or replaced it meanwhile. That change was kept, and this one was not made. Do it again.',
  );
}

function isSameFile(one: DocumentFacts, other: DocumentFacts): boolean {
  return (
    one.device === other.device &&
    one.inode === other.inode &&
    one.size === other.size &&
    one.modifiedNs === other.modifiedNs &&
    one.changedNs === other.changedNs
  );
}
