import fs from 'node:fs';
import path from 'node:path';
import { LockstepError, MisuseError, StoreError } from '../../errors.ts';
import { absolute } from '../../host/absolute-path.ts';
import { storeErrorOf } from '../../host/system-error.ts';
import { Lock } from '../../primitives/lock.ts';
import { openStoreBeside } from '../../stores/open-store.ts';
import type { Back, CallOptions } from '../back.ts';
import { type TableOptions, tablesOf } from '../back-tables.ts';
import { CALL_MS, pause } from '../bounded.ts';
import { SqlBack, type SqlConnection, type SqlDatabase, type SqlDialect } from '../sql-back.ts';
import { Turns } from '../turns.ts';
import { NativeSqlite, nativeModule } from './native-sqlite.ts';
import { Busy, type SqliteConnection, type SqliteFile } from './sqlite-file.ts';
import { WasmSqlite } from './wasm-sqlite.ts';

/** The tables of a file, and its engine. */
export interface SqliteOptions extends TableOptions {
  /** For tests: SQLite in WebAssembly also where Node has its own. */
  engine?: 'node:sqlite' | 'node-sqlite3-wasm';
}

/** How long until the next attempt at a file to which another process writes. */
const AGAIN_MS = 20;

/**
 * Opens a file of SQLite as the database of hot counts. It is made at the first write, with the tables that
 * `docs/hot-counts.md` describes.
 *
 * Use it where there is no database server. It needs no compiler and no server: it is Node's own SQLite (Node 22.13 and later), which
 * lets other programs use the file at the same time; else SQLite in WebAssembly, which writes the whole file anew in each
 * transaction, so others may only read it, and it may have 256 MiB at most.
 *
 * @throws {MisuseError} for a path that is empty, or a table's name that is no identifier
 *
 * @example
 * import { sqliteBack } from 'lockstep/hot';
 * const back = sqliteBack('shop.sqlite');
 * console.log(await back.read('show-7')); // prints null
 */
export function sqliteBack(file: string, options: SqliteOptions = {}): Back {
  if (typeof file !== 'string' || file === '' || file.includes('\0'))
    throw new MisuseError(`sqliteBack takes the path of a file, not ${JSON.stringify(file)}`);
  const { engine, ...tables } = options;
  return new SqlBack(new SqliteDatabase(absolute(file), engine), tablesOf('sqliteBack', tables));
}

const DIALECT: SqlDialect = {
  text: 'TEXT',
  forUpdate: '',
  insertIgnore: ['INSERT OR IGNORE INTO', ''],
  textOf: (column) => column,
  isNoTable: (error) => error instanceof Error && error.message.includes('no such table'),
};

class SqliteDatabase implements SqlDatabase {
  readonly dialect = DIALECT;
  readonly place: string;
  readonly #engine: SqliteOptions['engine'];
  readonly #turns = new Turns();
  #file: SqliteFile | null = null;

  constructor(file: string, engine: SqliteOptions['engine']) {
    this.place = file;
    this.#engine = engine;
  }

  transaction<T>(work: (connection: SqlConnection) => Promise<T>, options: CallOptions): Promise<T> {
    return this.#patiently(options, async (file) => {
      const write = () => file.transaction((connection) => work(asynchronous(connection)));
      if (file.engine === 'node:sqlite') return write();
      // SQLite in WebAssembly knows nothing of the locks of other processes.
      return this.#lock.withLock(write, lockOptions(options));
    });
  }

  define(work: (connection: SqlConnection) => Promise<void>, options: CallOptions): Promise<void> {
    return this.transaction(work, options);
  }

  read<T>(work: (connection: SqlConnection) => Promise<T>, options: CallOptions): Promise<T> {
    return this.#patiently(options, (file) => file.read((connection) => work(asynchronous(connection))));
  }

  async risks(): Promise<string[]> {
    return [];
  }

  async close(): Promise<void> {
    await this.#turns.run(async () => this.#file?.close());
  }

  get #lock(): Lock {
    return new Lock(path.basename(this.place), { store: openStoreBeside(this.place) });
  }

  /** Waits, without blocking the thread, while another process writes. */
  #patiently<T>(options: CallOptions, work: (file: SqliteFile) => Promise<T>): Promise<T> {
    const { timeout = CALL_MS, signal } = options;
    const deadline = performance.now() + timeout;
    return this.#turns.run(async () => {
      for (;;) {
        signal?.throwIfAborted();
        try {
          return await work(await this.#opened());
        } catch (error) {
          if (!(error instanceof Busy)) throw this.#failure(error);
          if (performance.now() > deadline) throw this.#busy(timeout, error);
          await pause(AGAIN_MS, signal);
        }
      }
    });
  }

  async #opened(): Promise<SqliteFile> {
    this.#file ??= await this.#open();
    return this.#file;
  }

  async #open(): Promise<SqliteFile> {
    const directory = path.dirname(this.place);
    // SQLite's own message would be "unable to open database file".
    fs.accessSync(directory, fs.constants.R_OK | fs.constants.W_OK);
    const module = this.#engine === 'node-sqlite3-wasm' ? null : nativeModule();
    if (module) return new NativeSqlite(module, this.place);
    const wasm = await import('node-sqlite3-wasm');
    return new WasmSqlite(wasm.default ?? wasm, this.place);
  }

  #busy(timeoutMs: number, cause: Error): StoreError {
    return new StoreError(
      'UNREACHABLE',
      `cannot write ${this.place}: another program has kept it locked for ${timeoutMs} ms. Nothing was done. Let it end its transaction, then try again.`,
      { operation: 'write back', path: this.place, cause },
    );
  }

  #failure(error: unknown): unknown {
    const known = storeErrorOf(error, { operation: 'write back to', path: this.place });
    if (known instanceof LockstepError || known instanceof MisuseError || this.dialect.isNoTable(error)) return known;
    return new StoreError(
      'REFUSED',
      `SQLite refused ${this.place}: ${(error as Error).message}. Check that it is a database, and that nobody else has changed its tables.`,
      { operation: 'write back', path: this.place, cause: error },
    );
  }
}

function lockOptions({ timeout = CALL_MS, signal }: CallOptions) {
  return { timeout, label: 'writes back', ...(signal === undefined ? {} : { signal }) };
}

function asynchronous(connection: SqliteConnection): SqlConnection {
  return { query: async (sql, values = []) => connection.all(sql, values) };
}
