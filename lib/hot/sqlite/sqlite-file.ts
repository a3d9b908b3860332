import type { SqlRow, SqlValue } from '../sql-back.ts';

/** A connection to SQLite, which answers at once. */
export interface SqliteConnection {
  all(sql: string, values: readonly SqlValue[]): SqlRow[];
  close(): void;
}

/** A file of SQLite, by one of its two engines. */
export interface SqliteFile {
  readonly path: string;
  /** The engine, for `risks` and for tests. */
  readonly engine: 'node:sqlite' | 'node-sqlite3-wasm';
  /**
   * Runs `work` in one transaction, which is durable when it resolves.
   *
   * @throws {Busy} (rejects) if another process writes to the file: nothing was done
   */
  transaction<T>(work: (connection: SqliteConnection) => Promise<T>): Promise<T>;
  read<T>(work: (connection: SqliteConnection) => Promise<T>): Promise<T>;
  close(): void;
}

/** Another process writes to the file. */
export class Busy extends Error {}
