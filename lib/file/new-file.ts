import type { DocumentDirectory, DocumentHost } from '../host/document-host.ts';
import { removeQuietly, TemporaryNames } from './temporary-file.ts';
import { writeAll } from './write-all.ts';

/** Where a new file is made. */
export interface FilePlace {
  host: DocumentHost;
  directory: DocumentDirectory;
  /** The name that it is to have in that directory. */
  name: string;
}

/**
 * A new file beside its place: it has a temporary name until it is whole, then takes its own, in place of any file that
 * has it. After a crash there is the old file or the new one, and at worst a temporary file.
 */
export class NewFile {
  readonly #place: FilePlace;
  readonly #temporary: string;
  readonly fd: number;

  private constructor(place: FilePlace, temporary: string, fd: number) {
    this.#place = place;
    this.#temporary = temporary;
    this.fd = fd;
  }

  /** @throws the system's error */
  static make(place: FilePlace, mode: number): NewFile {
    const { host, directory, name } = place;
    const names = TemporaryNames.of(name);
    const temporary = directory.at(names.with(host.secret()));
    return new NewFile(place, temporary, host.create(temporary, mode));
  }

  /** Writes the contents, sets the mode if one is given, and syncs. @throws the system's error (rejects) */
  async fill(bytes: Uint8Array, mode?: number): Promise<void> {
    const { host } = this.#place;
    await writeAll(host, this.fd, bytes);
    if (mode !== undefined) host.setMode(this.fd, mode);
    await host.sync(this.fd);
  }

  /** @throws the system's error; `ENOENT` if another writer swept the temporary file away */
  putInPlace(): void {
    const { host, directory, name } = this.#place;
    host.rename(this.#temporary, directory.at(name));
  }

  /** Removes it, unless it is in place. */
  discard(): void {
    removeQuietly(this.#place.host, this.#temporary);
  }

  close(): void {
    try {
      this.#place.host.close(this.fd);
    } catch {
      // The descriptor is closed all the same, and the contents are synced.
    }
  }
}
