import { MisuseError } from '../errors.ts';
import { fileError } from '../file/file-error.ts';
import type { StoredBytes } from '../store/documents.ts';
import { openStore } from '../stores/open-store.ts';
import type { DocumentPlace } from '../stores/store-url.ts';
import type { Change, JsonPlace } from './json-place.ts';
import { Lock } from './lock.ts';
import type { UpdateOptions } from './update-options.ts';

const ABSENT: Omit<StoredBytes, 'bytes'> = { revision: 0 };

/** A JSON file that is a document of a store on servers, under a name whose lock is its lock. */
export class StoredDocument implements JsonPlace {
  readonly path: string;
  readonly lock: Lock;
  /** The content before the first update; null: there must be one. */
  readonly #initial: Buffer | null;

  constructor(url: string, { store, name }: DocumentPlace, initial: Buffer | null) {
    this.path = url;
    this.lock = new Lock(name, { store: openStore(store) });
    this.#initial = initial;
  }

  async read(): Promise<Buffer> {
    return (await this.#stored()).bytes;
  }

  /** Replaces the document that was read in one step, if it is still the same then, and the lock still held. */
  async replace(change: Change, { allowNewOwner, ...options }: UpdateOptions): Promise<void> {
    if (allowNewOwner === true)
      throw new MisuseError(`${this.path}: allowNewOwner is for files on disk: a document in a store has no owner`);
    await this.lock.withLock(async (lease) => {
      const { bytes, revision } = await this.#stored();
      const after = await change(bytes, lease);
      if (after === bytes && revision !== ABSENT.revision) return;
      if ((await lease.replaceDocument(after, revision)) === 'changed')
        throw fileError(
          'FILE_CHANGED',
          { operation: 'replace', path: this.path },
          'a program that ignores its lock changed it meanwhile. It was not changed.',
        );
    }, options);
  }

  async #stored(): Promise<StoredBytes> {
    const { store, name } = this.lock;
    const { documents } = store;
    if (!documents) throw new MisuseError(`${this.path}: the store ${store.place} keeps no documents`);
    const found = await documents.read(name);
    if (found) return found;
    if (this.#initial) return { ...ABSENT, bytes: this.#initial };
    throw fileError(
      'FILE_MISSING',
      { operation: 'read', path: this.path },
      'there is no such document. Give the JSON to start from: new JsonFile(…, { create: {} }).',
    );
  }
}
