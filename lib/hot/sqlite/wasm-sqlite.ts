import fs from 'node:fs';
import path from 'node:path';
import { StoreError } from '../../errors.ts';
import type { SqlValue } from '../sql-back.ts';
import { Busy, type SqliteConnection, type SqliteFile } from './sqlite-file.ts';

interface Database {
  exec(sql: string): void;
  all(sql: string, values?: SqlValue[]): Array<Record<string, unknown>>;
  close(): void;
}

export interface WasmModule {
  Database: new (path: string) => Database;
}

/** Larger ones would take too long: each transaction writes the whole file. */
const MAX_BYTES = 256 * 1024 * 1024;
const LEFT_OVERS = ['-journal', '-wal'];

/**
 * A file through SQLite in WebAssembly, where Node has none of its own.
 *
 * Its package locks a file by a directory beside it. A process that is killed leaves that behind, and then nobody gets in; and a user
 * who removes it finds the file damaged, because the package never takes a journal for one that must be rolled back. (Both were seen with
 * version 0.8.60.) So it never gets the file itself. Each transaction works on a copy, which then takes the file's name: a crash leaves
 * the old file or the new one. Programs that only read the file may do so at any time. The caller holds the file's lock.
 */
export class WasmSqlite implements SqliteFile {
  readonly engine = 'node-sqlite3-wasm';
  readonly path: string;
  readonly #module: WasmModule;

  constructor(module: WasmModule, file: string) {
    this.#module = module;
    this.path = file;
  }

  async transaction<T>(work: (connection: SqliteConnection) => Promise<T>): Promise<T> {
    this.#checkUnused();
    this.#sweep();
    const before = this.#look();
    const directory = fs.mkdtempSync(`${this.#copies}`);
    try {
      const copy = path.join(directory, 'copy');
      if (before !== null) fs.copyFileSync(this.path, copy, fs.constants.COPYFILE_FICLONE);
      const result = await this.#withCopy(copy, work);
      syncFile(copy);
      if (before !== null) fs.chmodSync(copy, Number(before.mode) & 0o777);
      // Until the rename there is no wait.
      if (!isSame(before, this.#look())) throw new Busy('another program changed the file meanwhile');
      this.#checkUnused();
      fs.renameSync(copy, this.path);
      syncFile(path.dirname(this.path));
      return result;
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }

  async read<T>(work: (connection: SqliteConnection) => Promise<T>): Promise<T> {
    if (this.#look() === null) return work({ all: noTables, close: () => undefined });
    const directory = fs.mkdtempSync(`${this.#copies}`);
    try {
      const copy = path.join(directory, 'copy');
      fs.copyFileSync(this.path, copy, fs.constants.COPYFILE_FICLONE);
      return await this.#withCopy(copy, work);
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }

  close(): void {
    // Nothing stays open between two calls.
  }

  async #withCopy<T>(copy: string, work: (connection: SqliteConnection) => Promise<T>): Promise<T> {
    const database = new this.#module.Database(copy);
    try {
      // Nobody else has the copy: it is synced once, as a whole.
      database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
      database.exec('BEGIN');
      const result = await work({ all: (sql, values) => database.all(sql, [...values]), close: () => undefined });
      database.exec('COMMIT');
      return result;
    } finally {
      database.close();
    }
  }

  /** @throws {StoreError} if another program's transaction is in a file beside it: the file alone is not the whole then */
  #checkUnused(): void {
    for (const end of LEFT_OVERS) {
      const facts = fs.statSync(`${this.path}${end}`, { throwIfNoEntry: false });
      if (!facts || facts.size === 0) continue;
      throw new StoreError(
        'REFUSED',
        `cannot write ${this.path}: another program uses it, or was killed while it did (${path.basename(this.path)}${end} is not empty). Close the file in the other program; or use Node 22.13 or later, whose own SQLite shares it.`,
        { operation: 'write back', path: this.path },
      );
    }
  }

  #look(): fs.BigIntStats | null {
    const facts = fs.statSync(this.path, { bigint: true, throwIfNoEntry: false }) ?? null;
    if (facts === null || facts.size <= MAX_BYTES) return facts;
    throw new StoreError(
      'STORE_FULL',
      `cannot write ${this.path}: it has ${facts.size} bytes, and without a SQLite of Node's own each transaction writes the whole file. Use Node 22.13 or later, or a database server.`,
      { operation: 'write back', path: this.path },
    );
  }

  get #copies(): string {
    return path.join(path.dirname(this.path), `.${path.basename(this.path)}.lockstep-`);
  }

  /** Removes the copies of writers that were killed. The caller holds the lock; a reader's copy may go, too: it reads anew. */
  #sweep(): void {
    const directory = path.dirname(this.path);
    const prefix = path.basename(this.#copies);
    for (const name of fs.readdirSync(directory))
      if (name.startsWith(prefix) && isOld(path.join(directory, name)))
        fs.rmSync(path.join(directory, name), { recursive: true, force: true });
  }
}

/** Readers work without the lock, and are done within seconds. */
const OLD_MS = 60_000;

function isOld(file: string): boolean {
  const facts = fs.statSync(file, { throwIfNoEntry: false });
  return facts !== undefined && Date.now() - facts.mtimeMs > OLD_MS;
}

function isSame(before: fs.BigIntStats | null, now: fs.BigIntStats | null): boolean {
  if (before === null || now === null) return before === now;
  return before.ino === now.ino && before.size === now.size && before.mtimeNs === now.mtimeNs;
}

function noTables(): never {
  throw new Error('no such table: the file does not exist');
}

function syncFile(file: string): void {
  const fd = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
