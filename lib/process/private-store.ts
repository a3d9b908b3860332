import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { discardStore } from '../disk/opened-stores.ts';
import { LockstepError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { openStore } from '../stores/open-store.ts';
import { children } from './children.ts';

/** Windows has none. */
const hasGuardian = process.platform !== 'win32';

/**
 * A store of this process and its daemons alone, in a directory of its own below that for temporary files. It is removed at the end; also
 * where this process is killed, by the guardian: so it is made known to that one first.
 */
export class PrivateStore {
  readonly store: Store;
  readonly #directory: string;

  /** @throws {LockstepError} `START_FAILED` if the directory cannot be made. Nothing is left behind then. */
  constructor(purpose: string) {
    this.#directory = path.join(tmpdir(), `lockstep-${purpose}-${randomUUID()}`);
    try {
      if (hasGuardian) {
        children.guardian.start();
        children.guardian.removeAtEnd(this.#directory);
      }
      fs.mkdirSync(this.#directory, { mode: 0o700 });
      this.store = openStore(path.join(this.#directory, 'store'));
    } catch (cause) {
      this.#remove();
      const words = `${purpose} could not be begun: there is no room for its items in ${tmpdir()}: ${(cause as Error).message}. Set TMPDIR to a directory that can be written.`;
      throw new LockstepError('START_FAILED', words, { operation: purpose, resource: this.#directory, cause });
    }
  }

  /** The path of a file in it. */
  file(name: string): string {
    return path.join(this.#directory, name);
  }

  /** Nobody may use it any more. */
  close(): void {
    discardStore(this.store);
    this.#remove();
  }

  #remove(): void {
    fs.rmSync(this.#directory, { recursive: true, force: true });
    children.guardian.wasRemoved(this.#directory);
  }
}
