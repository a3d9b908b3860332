import { brand } from '../copies.ts';
import { MisuseError } from '../errors.ts';
import { changedValue } from '../file/changed-value.ts';
import type { FileAct } from '../file/file-error.ts';
import { JsonEdit } from '../file/json-edit.ts';
import { checkJsonBytes, parseJsonFile, parseJsonText } from '../file/json-text.ts';
import type { AlsoLock } from '../foreign/also-lock.ts';
import { absolute } from '../host/absolute-path.ts';
import type { FileBytes } from '../node-types.ts';
import { checkFunction, checkSwitch, OptionNames } from '../options/option-names.ts';
import { chosenStore } from '../stores/open-store.ts';
import { documentPlace } from '../stores/store-url.ts';
import type { ResourceOptions } from './acquirable.ts';
import { JsonFileOnDisk } from './json-file-on-disk.ts';
import type { Change, JsonPlace } from './json-place.ts';
import type { Lease } from './lease.ts';
import type { Lock } from './lock.ts';
import { StoredDocument } from './stored-document.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import type { UpdateOptions } from './update-options.ts';
import { checkWait } from './waiting.ts';

/** Options of a `JsonFile`. Default `store`: the one beside the file. */
export interface JsonFileOptions extends ResourceOptions {
  /** Of a document in a store on servers: what it is until its first update. Default: there must be one. */
  create?: unknown;
  /**
   * The lock of programs that do not use Lockstep, which each update acquires too, so that a code base can move one program at a time
   * (`docs/moving-in.md`). `'proper-lockfile'`: these programs lock the file itself with that package; where they give it options
   * (`stale`, `realpath`, `lockfilePath`), write `{ 'proper-lockfile': file, … }`. `{ flock: path }`: they lock another file (an
   * update replaces this one, and the kernel's lock would stay on the old). Default: none. For files on disk only.
   */
  alsoLock?: 'proper-lockfile' | AlsoLock;
}

export type { UpdateOptions } from './update-options.ts';

const OPTIONS = new OptionNames<JsonFileOptions>(
  'new JsonFile(file, …)',
  { store: true, create: true, alsoLock: true },
  { string: 'store' },
);
const UPDATE = new OptionNames<UpdateOptions>(
  'update(change, …)',
  { timeout: true, signal: true, label: true, detectDeadlock: true, owner: true, allowNewOwner: true },
  { number: 'timeout' },
);

/**
 * A `JsonFile` lets many processes change a JSON file without losing a change: it reads, changes and replaces the file
 * under the file's lock. The lock lives beside the file (`.lockstep/`), so every user who can edit the file shares it,
 * also by way of a symbolic link. (Hard links do not: the other name keeps the old contents.)
 *
 * Use it for a small file that several programs read and write: settings, state, a count. Do not use it for a file that
 * grows without bound or changes a thousand times a second: each update writes and syncs the whole file.
 *
 * A URL, `etcd://h1:2379,h2:2379/PREFIX/NAME.json`, names a document in a store on servers instead (at most 1.5 MB), for programs on
 * several machines. All is as for a file, and more: an update is one step with the check that the lock is still held, so one
 * that comes too late, after a pause of the machine, changes nothing and rejects with `LeaseLostError`.
 *
 * @example
 * import { JsonFile } from 'lockstep';
 * const file = new JsonFile<{ count: number }>('ticket.json'); // {"count": 5}
 * console.log(await file.update((ticket) => { ticket.count -= 1; })); // prints { count: 4 }
 */
export class JsonFile<T = unknown> implements Transferable {
  /** The path as given, made absolute; or the URL. */
  readonly path: string;
  readonly #place: JsonPlace;
  readonly #recipe: Recipe;

  /** @throws {MisuseError} for a path that is empty, or has a NUL; for a URL that names no document, or has a password in it */
  constructor(file: string, options: JsonFileOptions = {}) {
    if (typeof file !== 'string' || file === '' || file.includes('\0')) {
      throw new MisuseError(
        `a JSON file's path must be a string that is not empty and has no NUL, not ${JSON.stringify(file)}`,
      );
    }
    OPTIONS.check(options);
    const { store: given, create, alsoLock } = options;
    const stored = documentPlace(file);
    this.path = stored ? file : absolute(file);
    const store = chosenStore(given);
    if (!stored && create !== undefined)
      throw new MisuseError(
        `create is for a document in a store on servers, not for the file ${this.path}: write it first`,
      );
    if (stored && store !== undefined)
      throw new MisuseError(`${file}: its lock is in the store that its URL names: give no other store`);
    if (stored && alsoLock !== undefined)
      throw new MisuseError(`${file}: alsoLock is for files on disk: no other program can lock a document in a store`);
    const initial = create === undefined ? null : Buffer.from(`${jsonOf(create)}\n`);
    this.#place = stored ? new StoredDocument(file, stored, initial) : new JsonFileOnDisk(this.path, store, alsoLock);
    this.#recipe = ['JsonFile', this.path, typeof store === 'string' ? store : store?.place, create, this.#place.also];
  }

  /**
   * The lock that `update` acquires.
   *
   * @throws {StoreError} if the file does not exist, or is no regular file. (Of a document in a store it need not exist.)
   */
  get lock(): Lock {
    return this.#place.lock;
  }

  /**
   * Resolves to the value in the file. It acquires no lock: the file is only ever replaced as a whole.
   *
   * @throws {StoreError} (rejects) if the file does not exist, or is not JSON in UTF-8
   */
  async read(): Promise<T> {
    return parseJsonFile(await this.#place.read(), this.#act('read')).value as T;
  }

  /**
   * Reads the file, calls `change` with its value, and replaces the file atomically, all under its lock. `change` edits
   * the value in place, or returns a new document (an object for an object, an array for an array); other return values
   * are ignored, so `(t) => (t.done = true)` is safe. Resolves to the new value.
   *
   * Parts that `change` does not touch keep their text: numbers that JavaScript cannot hold, escapes, layout, line ends,
   * a byte order mark. The owner, the group, the mode, the access list and the extended attributes are kept, and a symbolic
   * link is followed, not replaced.
   *
   * If `change` throws or rejects, if something of the file could not be kept, if the lease is lost meanwhile, if a
   * program that ignores the lock changes the file meanwhile, or if the disk is full, the update rejects and the file
   * stays byte for byte as it was. A crash leaves the old file or the new one, and at worst a temporary file beside it,
   * which the next update removes.
   *
   * @throws {LockTimeoutError} (rejects) after `timeout` ms
   * @throws {StoreError} (rejects) if the file does not exist, is not JSON in UTF-8, cannot be replaced, or has parts that
   *   would be damaged; `code` distinguishes these, and `docs/errors.md` has the remedies
   * @throws {LeaseLostError} (rejects) if the lease was lost
   * @throws {MisuseError} (rejects) if JSON has no form for the new value, or `change` both changes the value and
   *   returns another one
   */
  async update(
    change: (value: T, lease: Lease) => T | void | PromiseLike<T | void>,
    options: UpdateOptions = {},
  ): Promise<T> {
    checkUpdate(change, options);
    let result: T | undefined;
    await this.#replace(async (before, lease) => {
      const { text, mark, value } = parseJsonFile(before, this.#act('replace'));
      const edit = new JsonEdit(text, value, this.#act('replace'));
      result = changedValue(edit, value as T, await change(value as T, lease));
      const after = edit.textOf(result);
      return after === text ? before : Buffer.from(mark + after);
    }, options);
    return result as T;
  }

  /**
   * Updates the file's text: for changes to what `JSON.parse` does not keep, such as numbers of more than 15 digits.
   * `change` must return JSON, which replaces the text as it is. A byte order mark is kept, and not part of the text.
   *
   * @throws as `update`
   */
  async updateText(
    change: (text: string, lease: Lease) => string | PromiseLike<string>,
    options: UpdateOptions = {},
  ): Promise<void> {
    checkUpdate(change, options);
    await this.#replace(async (before, lease) => {
      const { text, mark } = parseJsonFile(before, this.#act('replace'));
      const after = await change(text, lease);
      if (after === text) return before;
      parseJsonText(after, this.#newText());
      return Buffer.from(mark + after);
    }, options);
  }

  /**
   * Updates the file's bytes: for a file that is not UTF-8, or whose layout is another program's. `change` must return
   * JSON, with bytes that are not UTF-8 only if the file has some already.
   *
   * @throws as `update`
   */
  async updateBytes(
    change: (bytes: FileBytes, lease: Lease) => Uint8Array | PromiseLike<Uint8Array>,
    options: UpdateOptions = {},
  ): Promise<void> {
    checkUpdate(change, options);
    await this.#replace(async (before, lease) => {
      const wasUtf8 = checkJsonBytes(before, this.#act('replace'));
      // A copy: `change` may work in place.
      const after = await change(Buffer.from(before), lease);
      if (Buffer.compare(before, after) === 0) return before;
      if (wasUtf8) parseJsonFile(after, this.#newText());
      else checkJsonBytes(after, this.#newText());
      return after;
    }, options);
  }

  /** @internal */
  [transfer](): Recipe {
    return this.#recipe;
  }

  #replace(change: Change, options: UpdateOptions): Promise<void> {
    checkWait(options);
    checkSwitch('allowNewOwner', options.allowNewOwner);
    return this.#place.replace(change, options);
  }

  #act(operation: FileAct['operation'], path = this.path): FileAct {
    return { operation, path };
  }

  #newText(): FileAct {
    return this.#act('replace', `what should replace ${this.path}`);
  }
}
brand({ JsonFile });

/** @throws {MisuseError} */
function checkUpdate(change: unknown, options: UpdateOptions): void {
  checkFunction('update', change);
  UPDATE.check(options);
}

/** @throws {MisuseError} if JSON has no form for it */
function jsonOf(value: unknown): string {
  const text = JSON.stringify(value);
  if (text !== undefined) return text;
  throw new MisuseError(`create must be what a JSON document can be, not ${typeof value}`);
}
