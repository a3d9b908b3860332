import path from 'node:path';
import { hintPlaceIn } from '../disk/opened-stores.ts';
import { LockTimeoutError, MisuseError } from '../errors.ts';
import { Document } from '../file/document.ts';
import { fileError } from '../file/file-error.ts';
import { type AlsoLock, OF_THE_FILE, resolvedAlsoLock } from '../foreign/also-lock.ts';
import { isErrno } from '../host/errno.ts';
import { nodeDocuments } from '../host/node-documents.ts';
import type { Store } from '../store/store.ts';
import { openStoreBeside } from '../stores/open-store.ts';
import { countdown } from '../time/countdown.ts';
import type { Change, JsonPlace } from './json-place.ts';
import type { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import type { UpdateOptions } from './update-options.ts';

/** How often in a row the path may lead to another file once the lock is acquired. */
const MAX_TARGETS = 8;

/** A JSON file on disk. Its lock is in the store beside it, unless another one is given. */
export class JsonFileOnDisk implements JsonPlace {
  readonly path: string;
  readonly also: typeof OF_THE_FILE | AlsoLock | undefined;
  readonly #store: Store | string | undefined;

  /** @throws {MisuseError} */
  constructor(file: string, store: Store | string | undefined, alsoLock?: typeof OF_THE_FILE | AlsoLock) {
    this.path = file;
    this.also = alsoLock === OF_THE_FILE ? alsoLock : resolvedAlsoLock(alsoLock);
    this.#store = store;
  }

  get lock(): Lock {
    // Opened for its checks: no lock is made beside something that is no file.
    const document = Document.open(this.path);
    document.close();
    return this.#lockOf(document.realPath);
  }

  async read(): Promise<Buffer> {
    const document = Document.open(this.path);
    try {
      return document.bytes;
    } finally {
      document.close();
    }
  }

  /**
   * Runs `change` under the lock of the file to which the path leads then: during the wait a link may be turned to
   * another file, which has a lock of its own.
   */
  async replace(change: Change, { allowNewOwner, ...options }: UpdateOptions): Promise<void> {
    const { timeout = Number.POSITIVE_INFINITY } = options;
    let { lock } = this;
    const restMs = countdown(lock.store.clock, timeout);
    for (let round = 0; round < MAX_TARGETS; round++, lock = this.lock) {
      const rest = { ...options, timeout: Math.max(0, restMs()) };
      const isDone = await lock
        .withLock((lease) => this.#replaceUnder(lock, lease, change, allowNewOwner), rest)
        .catch((error: unknown) => {
          // Each of several waits in a row gets the time that is left; the error names the whole.
          throw error instanceof LockTimeoutError
            ? new LockTimeoutError(lock.name, timeout, error.holders, error.foreignLock)
            : error;
        });
      if (isDone) return;
    }
    throw fileError(
      'FILE_CHANGED',
      { operation: 'replace', path: this.path },
      `it led to another file each of the ${MAX_TARGETS} times that its lock was acquired. It was not changed.`,
    );
  }

  /** Resolves to false if the path by now leads to a file with another lock. */
  async #replaceUnder(lock: Lock, lease: Lease, change: Change, allowNewOwner = false) {
    const document = Document.open(this.path);
    try {
      if (lock.name !== path.basename(document.realPath) || lock.store !== this.#lockOf(document.realPath).store)
        return false;
      document.sweep();
      document.checkReplaceable();
      const after = await change(document.bytes, lease);
      if (after !== document.bytes)
        await document.replace(after, {
          allowNewOwner,
          beforeRename: () => lease.assertHeld(),
          hintPlace: hintPlaceIn(lock.store, lock.name),
        });
      return true;
    } finally {
      document.close();
    }
  }

  #lockOf(real: string): Lock {
    const { also } = this;
    const alsoLock = also === OF_THE_FILE ? { [OF_THE_FILE]: real } : also;
    if (alsoLock && 'flock' in alsoLock && leadsTo(alsoLock.flock, real))
      throw new MisuseError(
        `${this.path}: an update replaces the file, and its flock would stay on the old one. Other programs must lock another file: { flock: '${real}.flock' }`,
      );
    const store = this.#store ?? openStoreBeside(real);
    return new Lock(path.basename(real), { store, ...(alsoLock && { alsoLock }) });
  }
}

/** Whether a path leads to this file, which is there. */
function leadsTo(file: string, real: string): boolean {
  try {
    return nodeDocuments.realPath(file) === real;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
