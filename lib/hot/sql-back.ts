import type { Back, BackState, Batch, CallOptions } from './back.ts';
import { dataLost, planOf, stateAfter } from './back-rules.ts';
import type { Tables } from './back-tables.ts';
import type { KnownSale, LoggedSale } from './hot-side.ts';

/** A parameter of a statement. */
export type SqlValue = string | number | null;

/** A row of an answer, by its columns. */
export type SqlRow = Record<string, unknown>;

/** One connection, within a transaction or without. `?` stands for each value. */
export interface SqlConnection {
  query(sql: string, values?: readonly SqlValue[]): Promise<SqlRow[]>;
}

/** The operations that each database has in its own way. */
export interface SqlDatabase {
  readonly place: string;
  readonly dialect: SqlDialect;
  /** Runs `work` in one transaction, which is durable when it resolves. Whatever rejects, nothing of it is done. */
  transaction<T>(work: (connection: SqlConnection) => Promise<T>, options: CallOptions): Promise<T>;
  /** The same for statements that define tables: MySQL would commit the transaction around them. */
  define(work: (connection: SqlConnection) => Promise<void>, options: CallOptions): Promise<void>;
  /** Runs `work` without one. */
  read<T>(work: (connection: SqlConnection) => Promise<T>, options: CallOptions): Promise<T>;
  risks(options: CallOptions): Promise<string[]>;
  close(): Promise<void>;
}

export interface SqlDialect {
  /** The type of a name and of an id: compared byte by byte, and kept with spaces at its end. */
  readonly text: string;
  /** Behind a `SELECT` that locks its row. */
  readonly forUpdate: string;
  /** An `INSERT` of a row that may be there: how it begins, and how it ends. */
  readonly insertIgnore: readonly [begin: string, end: string];
  /** Reads a column of that type as a text. */
  textOf(column: string): string;
  /** Whether an error says that a table is not there. */
  isNoTable(error: unknown): boolean;
}

/** The most rows of one statement: the databases limit how many values it may have. */
const ROWS = 100;

/** A back in tables of SQL. */
export class SqlBack implements Back {
  readonly #database: SqlDatabase;
  readonly #tables: Tables;
  /** The counts whose rows are there. */
  readonly #begun = new Set<string>();

  constructor(database: SqlDatabase, tables: Tables) {
    this.#database = database;
    this.#tables = tables;
  }

  get place(): string {
    return this.#database.place;
  }

  read(name: string, options: CallOptions = {}): Promise<BackState | null> {
    return this.#look(options, null, (connection) => this.#stateOf(connection, name, ''));
  }

  async write(batch: Batch, options: CallOptions = {}): Promise<BackState> {
    if (!this.#begun.has(batch.name)) {
      // The row first: two transactions that both find none, and both insert it, would be a deadlock in MySQL.
      await this.#database.define((connection) => this.#begin(connection, batch.name), options);
      this.#begun.add(batch.name);
    }
    return this.#database.transaction((connection) => this.#write(connection, batch), options);
  }

  orders(name: string, limit: number, options: CallOptions = {}): Promise<KnownSale[]> {
    const { textOf } = this.#database.dialect;
    return this.#look(options, [], async (connection) => {
      const rows = await connection.query(
        `SELECT ${textOf('id')} AS id, n, sequence, left_after FROM ${this.#tables.orders} WHERE name = ? ORDER BY sequence DESC LIMIT ${limit}`,
        [name],
      );
      return rows.map(({ id, n, sequence, left_after }) => ({
        id: String(id),
        n: Number(n),
        sequence: Number(sequence),
        left: Number(left_after),
      }));
    });
  }

  risks(options: CallOptions = {}): Promise<string[]> {
    return this.#database.risks(options);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** A database in which nothing was ever written has no tables. */
  async #look<T>(options: CallOptions, none: T, work: (connection: SqlConnection) => Promise<T>): Promise<T> {
    return this.#database.read(async (connection) => {
      try {
        return await work(connection);
      } catch (error) {
        if (this.#database.dialect.isNoTable(error)) return none;
        throw error;
      }
    }, options);
  }

  async #begin(connection: SqlConnection, name: string): Promise<void> {
    const { text, insertIgnore } = this.#database.dialect;
    const { counts, orders } = this.#tables;
    await connection.query(
      `CREATE TABLE IF NOT EXISTS ${counts} (name ${text} NOT NULL PRIMARY KEY, count BIGINT NOT NULL, loaded BIGINT NOT NULL, ` +
        'last_sequence BIGINT NOT NULL, token BIGINT NOT NULL, generation VARCHAR(64), duplicates BIGINT NOT NULL)',
    );
    await connection.query(
      `CREATE TABLE IF NOT EXISTS ${orders} (name ${text} NOT NULL, id ${text} NOT NULL, n BIGINT NOT NULL, ` +
        'sequence BIGINT NOT NULL, left_after BIGINT NOT NULL, sold_at_ms BIGINT NOT NULL, PRIMARY KEY (name, id))',
    );
    if ((await this.#stateOf(connection, name, '')) !== null) return;
    const [begin, end] = insertIgnore;
    await connection.query(
      `${begin} ${counts} (name, count, loaded, last_sequence, token, generation, duplicates) VALUES (?, 0, 0, 0, 0, NULL, 0) ${end}`,
      [name],
    );
  }

  async #write(connection: SqlConnection, batch: Batch): Promise<BackState> {
    const { name } = batch;
    const before = await this.#stateOf(connection, name, this.#database.dialect.forUpdate);
    if (before === null) throw dataLost(name, this.place, `its row in the table ${this.#tables.counts} was deleted`);
    const plan = planOf(batch, before, this.place);
    const known = await this.#knownOf(connection, name, plan.sales);
    const inserted = plan.sales.filter(({ id }) => !known.has(id) && known.add(id));
    for (const rows of pagesOf(inserted)) await this.#insert(connection, name, rows);
    const after = stateAfter(batch, before, plan, inserted);
    await connection.query(
      `UPDATE ${this.#tables.counts} SET count = ?, loaded = ?, last_sequence = ?, token = ?, generation = ?, duplicates = ? WHERE name = ?`,
      [after.count, after.loaded, after.cursor, after.token, after.generation, after.duplicates, name],
    );
    return after;
  }

  async #stateOf(connection: SqlConnection, name: string, forUpdate: string): Promise<BackState | null> {
    const [row] = await connection.query(
      `SELECT count, loaded, last_sequence, token, generation, duplicates FROM ${this.#tables.counts} WHERE name = ? ${forUpdate}`,
      [name],
    );
    if (row === undefined) return null;
    const { count, loaded, last_sequence, token, generation, duplicates } = row;
    return {
      count: Number(count),
      loaded: Number(loaded),
      cursor: Number(last_sequence),
      token: Number(token),
      generation: generation === null ? null : String(generation),
      duplicates: Number(duplicates),
    };
  }

  /** The ids of these sales that are orders already. The count's row is locked, so no other writer adds one meanwhile. */
  async #knownOf(connection: SqlConnection, name: string, sales: readonly LoggedSale[]): Promise<Set<string>> {
    const known = new Set<string>();
    for (const page of pagesOf(sales)) {
      const rows = await connection.query(
        `SELECT ${this.#database.dialect.textOf('id')} AS id FROM ${this.#tables.orders} WHERE name = ? AND id IN (${page.map(() => '?').join(', ')})`,
        [name, ...page.map(({ id }) => id)],
      );
      for (const { id } of rows) known.add(String(id));
    }
    return known;
  }

  async #insert(connection: SqlConnection, name: string, sales: readonly LoggedSale[]): Promise<void> {
    await connection.query(
      `INSERT INTO ${this.#tables.orders} (name, id, n, sequence, left_after, sold_at_ms) VALUES ${sales.map(() => '(?, ?, ?, ?, ?, ?)').join(', ')}`,
      sales.flatMap(({ id, n, sequence, left, at }) => [name, id, n, sequence, left, at]),
    );
  }
}

function* pagesOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += ROWS) yield all.slice(at, at + ROWS);
}
