import type { HintPlace } from '../file/attribute-hint.ts';
import { closeOnce } from '../host/close-once.ts';
import { isErrno } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { makeOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { writeWhole } from '../host/whole-write.ts';
import { encodeName } from '../store/name.ts';

const MAX_BYTES = 256;
/** A hint is shorter: what is behind it is written over with spaces. */
const WIDTH = 96;

/** Removes the hint about a file whose lock's name is forgotten. Best effort. */
export function removeHint(host: Host, store: string, name: string): void {
  removeQuietly(host, pathOf(store, name));
}

/**
 * `<store>/hints/<encoded name>`, written by the holder of the file's lock. It is written over in place, which costs the next sync
 * nearly nothing; a new file each time made an update take a fifth longer. It may be torn, or written late by one who has lost the lock
 * and does not know: a hint ends with the file that it is about, and the next holder finds that this is another one.
 */
export class HintFile implements HintPlace {
  readonly #host: Host;
  readonly #store: StoreDirectory;
  readonly #path: string;

  constructor(host: Host, store: StoreDirectory, name: string) {
    this.#host = host;
    this.#store = store;
    this.#path = pathOf(store.path, name);
  }

  read(): string | null {
    try {
      return this.#host.files.readText(this.#path, MAX_BYTES)?.trimEnd() ?? null;
    } catch {
      return null;
    }
  }

  write(text: string): void {
    const bytes = Buffer.from(text.padEnd(WIDTH));
    const { files } = this.#host;
    try {
      const fd = this.#open();
      try {
        writeWhole(bytes, (rest) => files.write(fd, rest, rest.length));
      } finally {
        closeOnce(files, fd);
      }
    } catch {
      // The next writer checks by itself.
    }
  }

  #open(): number {
    const { files } = this.#host;
    const { fileMode, directoryMode } = this.#store;
    try {
      return files.openForWriting(this.#path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      makeOwnDirectory(this.#host, directoryIn(this.#store.path), directoryMode);
      return files.create(this.#path, fileMode);
    }
  }
}

function directoryIn(store: string): string {
  return `${store}/hints`;
}

function pathOf(store: string, name: string): string {
  return `${directoryIn(store)}/${encodeName(name)}`;
}
