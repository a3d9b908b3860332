import path from 'node:path';
import { brand } from '../copies.ts';
import { chosenStore, openStoreBeside } from '../disk/open-store.ts';
import { LockTimeoutError, MisuseError } from '../errors.ts';
import { Document } from '../file/document.ts';
import { type FileAct, fileError } from '../file/file-error.ts';
import { JsonEdit } from '../file/json-edit.ts';
import { checkJsonBytes, parseJsonFile, parseJsonText } from '../file/json-text.ts';
import { isWritten } from '../file/json-value.ts';
import { absolute } from '../host/absolute-path.ts';
import { checkFunction, checkSwitch, OptionNames } from '../options/option-names.ts';
import type { Store } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';
import type { AcquireOptions, ResourceOptions } from './acquirable.ts';
import type { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import { type Recipe, type Transferable, transfer } from './transferable.ts';
import { checkWait } from './waiting.ts';

/** How often in a row the path may lead to another file once the lock is acquired. */
const MAX_TARGETS = 8;

/** Options of a `JsonFile`. Default `store`: the one beside the file. */
export interface JsonFileOptions extends ResourceOptions {}

/** Options of an update. */
export interface UpdateOptions extends AcquireOptions {
  /**
   * Whether the new file may belong to this process's user (and group) where this process may not give files away: for
   * a file that several members of a group write. A new group gets no permission that others lack. Default: false.
   */
  allowNewOwner?: boolean;
}

const OPTIONS = new OptionNames<JsonFileOptions>('new JsonFile(file, …)', { store: true }, { string: 'store' });
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
 * @example
 * import { JsonFile } from 'lockstep';
 * const file = new JsonFile<{ count: number }>('ticket.json'); // {"count": 5}
 * console.log(await file.update((ticket) => { ticket.count -= 1; })); // prints { count: 4 }
 */
export class JsonFile<T = unknown> implements Transferable {
  /** The path as given, made absolute. */
  readonly path: string;
  /** Undefined: the one beside the file. */
  readonly #store: Store | string | undefined;

  /** @throws {MisuseError} for a path that is empty, or has a NUL */
  constructor(file: string, options: JsonFileOptions = {}) {
    if (typeof file !== 'string' || file === '' || file.includes('\0')) {
      throw new MisuseError(
        `a JSON file's path must be a string that is not empty and has no NUL, not ${JSON.stringify(file)}`,
      );
    }
    OPTIONS.check(options);
    this.path = absolute(file);
    this.#store = chosenStore(options.store);
  }

  /**
   * The lock that `update` acquires.
   *
   * @throws {StoreError} if the file does not exist, or is no regular file
   */
  get lock(): Lock {
    // Opened for its checks: no lock is made beside something that is no file.
    const document = Document.open(this.path);
    document.close();
    return this.#lockOf(document.realPath);
  }

  /**
   * Resolves to the value in the file. It acquires no lock: the file is only ever replaced as a whole.
   *
   * @throws {StoreError} (rejects) if the file does not exist, or is not JSON in UTF-8
   */
  async read(): Promise<T> {
    const document = Document.open(this.path);
    try {
      return parseJsonFile(document.bytes, this.#act('read')).value as T;
    } finally {
      document.close();
    }
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
      result = chosen(edit, value as T, await change(value as T, lease));
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
    change: (bytes: Buffer, lease: Lease) => Uint8Array | PromiseLike<Uint8Array>,
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
    const place = typeof this.#store === 'string' ? this.#store : this.#store?.place;
    return ['JsonFile', this.path, place];
  }

  /**
   * Runs `change` under the lock of the file to which the path leads then: during the wait a link may be turned to
   * another file, which has a lock of its own.
   */
  async #replace(change: Change, { allowNewOwner, ...options }: UpdateOptions): Promise<void> {
    checkWait(options);
    checkSwitch('allowNewOwner', allowNewOwner);
    const { timeout = Number.POSITIVE_INFINITY } = options;
    const restMs = countdown(this.lock.store.clock, timeout);
    for (let round = 0; round < MAX_TARGETS; round++) {
      const { lock } = this;
      const rest = { ...options, timeout: Math.max(0, restMs()) };
      const isDone = await lock
        .withLock((lease) => this.#replaceUnder(lock, lease, change, allowNewOwner), rest)
        .catch((error: unknown) => {
          // Each of several waits in a row gets the time that is left; the error names the whole.
          throw error instanceof LockTimeoutError ? new LockTimeoutError(lock.name, timeout, error.holders) : error;
        });
      if (isDone) return;
    }
    throw fileError(
      'FILE_CHANGED',
      this.#act('replace'),
      `it led to another file each of the ${MAX_TARGETS} times that its lock was acquired. It was not changed.`,
    );
  }

  /** Resolves to false if the path by now leads to a file with another lock. */
  async #replaceUnder(lock: Lock, lease: Lease, change: Change, allowNewOwner = false) {
    const document = Document.open(this.path);
    try {
      if (lock.name !== path.basename(document.realPath) || lock.store !== this.#lockOf(document.realPath).store)
        return false;
      await document.sweep();
      document.checkReplaceable();
      const after = await change(document.bytes, lease);
      if (after !== document.bytes)
        await document.replace(after, { allowNewOwner, beforeRename: () => lease.assertHeld() });
      return true;
    } finally {
      document.close();
    }
  }

  #lockOf(real: string): Lock {
    return new Lock(path.basename(real), { store: this.#store ?? openStoreBeside(real) });
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

type Change = (before: Buffer, lease: Lease) => Uint8Array | Promise<Uint8Array>;

/**
 * Returns the value that `change` meant. An arrow function without braces returns the value of its expression, a number
 * that was assigned or an array that was sorted, which must not become the file.
 */
function chosen<T>(edit: JsonEdit, value: T, returned: T | void): T {
  if (returned === undefined || returned === value) return value;
  if (!edit.isUnchanged(value))
    throw new MisuseError(
      'update: the function changed the value and also returned another one. Do one or the other: `(t) => { t.count -= 1; }`. The file was not changed.',
    );
  if (['function', 'symbol', 'bigint'].includes(typeof returned)) return returned;
  return isDocumentLike(edit, value, returned) ? returned : value;
}

/** Whether `returned` can only be a new document in place of `value`. */
function isDocumentLike(edit: JsonEdit, value: unknown, returned: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (edit.isPart(returned) || typeof returned !== 'object' || returned === null) return false;
  // A Map, a Date or a match is the result of some method, not a document.
  return Array.isArray(returned) === Array.isArray(value) && isWritten(returned);
}
