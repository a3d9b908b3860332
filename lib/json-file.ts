import { readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import detectIndent from 'detect-indent';
import writeFileAtomic from 'write-file-atomic';
import { absolute } from './absolute.ts';
import type { AcquireOptions, ResourceOptions } from './acquirable.ts';
import { MisuseError, StoreError } from './errors.ts';
import { type Handed, handed, type Recipe } from './handed.ts';
import type { Lease } from './lease.ts';
import { Lock } from './lock.ts';
import { openStoreBeside } from './open-store.ts';
import { storeErrorOf } from './store-failure.ts';

export interface JsonFileOptions extends ResourceOptions {}

/**
 * A JSON file that many processes change without losing a change: read, change, replace, under the
 * file's lock. The lock lives beside the file (`.lockstep/`), so whoever can edit the file shares it;
 * a symbolic link and its target share it too. (Hard links do not.)
 *
 * ```ts
 * const file = new JsonFile<{ count: number }>('ticket.json');
 * await file.update((ticket) => { ticket.count -= 1; });
 * ```
 */
export class JsonFile<T = unknown> implements Handed {
  /** The path as given, made absolute. */
  readonly path: string;
  readonly #options: JsonFileOptions;

  constructor(file: string, options: JsonFileOptions = {}) {
    if (typeof file !== 'string' || file === '' || file.includes('\0')) {
      throw new MisuseError(
        `a JSON file's path must be a string that is not empty and has no NUL, not ${JSON.stringify(file)}`,
      );
    }
    this.path = absolute(file);
    this.#options = options;
  }

  /**
   * The lock that `update` takes.
   *
   * @throws {StoreError} if the file is not there
   */
  get lock(): Lock {
    const real = this.#realPath();
    return new Lock(path.basename(real), { store: this.#options.store ?? openStoreBeside(real) });
  }

  /**
   * The value in the file. It takes no lock: the file is only ever replaced whole.
   *
   * @throws {StoreError} (rejects) if it is not there, or is not JSON
   */
  async read(): Promise<T> {
    return parse(this.#readText(this.#realPath()), this.path) as T;
  }

  /**
   * Reads the file, has `change` change the value (or return a new one), and replaces the file
   * atomically, all under its lock. The mode, the owner, the indentation and a final newline are kept, and a
   * symbolic link is followed, not replaced. Resolves to the new value.
   *
   * If `change` throws or rejects, if the file is not JSON or the new value cannot be, if the lease is
   * lost meanwhile or the disk is full, the file stays byte for byte as it was. A crash leaves the
   * old file or the new one, and at worst a temporary file beside it.
   *
   * @throws {LockTimeoutError} (rejects) after `timeout` ms
   * @throws {StoreError} (rejects) if the file is not there, is not JSON, or cannot be replaced
   * @throws {LeaseLostError} (rejects)
   * @throws {MisuseError} (rejects) if `change` changes the value and returns another one as well
   */
  async update(
    change: (value: T, lease: Lease) => T | void | PromiseLike<T | void>,
    options: AcquireOptions = {},
  ): Promise<T> {
    let result: T | undefined;
    await this.updateText(async (before, lease) => {
      const value = parse(before, this.path) as T;
      result = chosen(before, value, await change(value, lease));
      return format(result, before);
    }, options);
    return result as T;
  }

  /**
   * The same with the file's text, for what `JSON.parse` would not keep: numbers of more than 15 digits,
   * or the layout. What `change` returns must be JSON, and replaces the text as it is.
   *
   * @throws as `update`
   */
  async updateText(
    change: (text: string, lease: Lease) => string | PromiseLike<string>,
    options: AcquireOptions = {},
  ): Promise<void> {
    await this.lock.withLock(async (lease) => {
      const real = this.#realPath();
      const before = this.#readText(real);
      parse(before, this.path);
      const after = await change(before, lease);
      if (after === before) return;
      parse(after, `what should replace ${this.path}`);
      await this.#replace(real, after, lease);
    }, options);
  }

  /** @internal */
  [handed](): Recipe {
    const { store } = this.#options;
    const place = typeof store === 'string' ? absolute(store) : store?.place;
    return ['JsonFile', this.path, place];
  }

  async #replace(real: string, text: string, lease: Lease): Promise<void> {
    await lease.assertHeld();
    try {
      await writeFileAtomic(real, text);
    } catch (error) {
      throw storeErrorOf(error, { operation: 'replace', resource: this.path, path: real });
    }
  }

  #realPath(): string {
    try {
      return realpathSync(this.path);
    } catch (error) {
      throw fileError(error, this.path);
    }
  }

  #readText(real: string): string {
    try {
      // Reading a FIFO would wait for a writer.
      if (!statSync(real).isFile()) throw Object.assign(new Error('EINVAL: not a regular file'), { code: 'EINVAL' });
      return readFileSync(real, 'utf8');
    } catch (error) {
      throw fileError(error, this.path);
    }
  }
}

function fileError(error: unknown, file: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT')
    return new StoreError(
      'FILE_MISSING',
      `${file}: there is no such file. Make it first, with the JSON to start from.`,
      { operation: 'read', resource: file, path: file, cause: error },
    );
  return storeErrorOf(error, { operation: 'read', resource: file, path: file });
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StoreError(
      'FILE_NOT_JSON',
      `${file}: it is not JSON (${(error as Error).message}). It was not changed.`,
      {
        operation: 'read',
        resource: file,
        path: file,
        cause: error,
      },
    );
  }
}

/**
 * The value that `change` meant. An arrow function without braces returns what it assigns, so
 * `(t) => t.count -= 1` both changes the ticket and returns a number: that must not become the file.
 */
function chosen<T>(before: string, value: T, returned: T | void): T {
  if (returned === undefined || returned === value) return value;
  if (JSON.stringify(value) === JSON.stringify(JSON.parse(before))) return returned;
  throw new MisuseError(
    'update: the function changed the value and also returned another one. Do one of both: `(t) => { t.count -= 1; }`. The file was not changed.',
  );
}

function format(value: unknown, like: string): string {
  const text = JSON.stringify(value, null, detectIndent(like).indent || undefined);
  if (text === undefined)
    throw new MisuseError(`update: the new value is no JSON value, but ${typeof value}. The file was not changed.`);
  return like.endsWith('\n') ? `${text}\n` : text;
}
