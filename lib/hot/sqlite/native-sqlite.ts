import type { SqlValue } from '../sql-back.ts';
import { Busy, type SqliteConnection, type SqliteFile } from './sqlite-file.ts';

interface Statement {
  all(...values: SqlValue[]): Array<Record<string, unknown>>;
}

interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface NativeModule {
  DatabaseSync: new (path: string) => Database;
}

/** Node's own SQLite, where there is one (22.13 and later). */
export function nativeModule(): NativeModule | null {
  const { emitWarning } = process;
  // Node announces that the module is experimental. That is nothing that the users of a program can do something about.
  process.emitWarning = () => undefined;
  try {
    return (process.getBuiltinModule('node:sqlite') as NativeModule | undefined) ?? null;
  } finally {
    process.emitWarning = emitWarning;
  }
}

const BUSY = 5;

/** A file through Node's own SQLite. Other programs may use the file at the same time, as SQLite allows. */
export class NativeSqlite implements SqliteFile, SqliteConnection {
  readonly engine = 'node:sqlite';
  readonly path: string;
  readonly #module: NativeModule;
  #open: Database | null = null;

  constructor(module: NativeModule, path: string) {
    this.#module = module;
    this.path = path;
  }

  async transaction<T>(work: (connection: SqliteConnection) => Promise<T>): Promise<T> {
    this.#exec('BEGIN IMMEDIATE');
    try {
      const result = await work(this);
      this.#exec('COMMIT');
      return result;
    } catch (error) {
      // The failed statement may have ended the transaction. Without the connection it is surely over.
      this.close();
      throw error;
    }
  }

  async read<T>(work: (connection: SqliteConnection) => Promise<T>): Promise<T> {
    return work(this);
  }

  all(sql: string, values: readonly SqlValue[]): Array<Record<string, unknown>> {
    return guarded(() =>
      this.#database
        .prepare(sql)
        .all(...values)
        .map((row) => ({ ...row })),
    );
  }

  close(): void {
    const open = this.#open;
    this.#open = null;
    open?.close();
  }

  #exec(sql: string): void {
    guarded(() => this.#database.exec(sql));
  }

  get #database(): Database {
    if (this.#open) return this.#open;
    const database = new this.#module.DatabaseSync(this.path);
    // The log of the sales is trimmed once they are committed: so a commit must also outlive a loss of power (EXTRA syncs the
    // directory, too). Waiting for another process blocks this thread, so it is short, and the caller tries again.
    database.exec('PRAGMA synchronous = EXTRA; PRAGMA busy_timeout = 20');
    this.#open = database;
    return database;
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY) throw new Busy((error as Error).message);
    throw error;
  }
}
