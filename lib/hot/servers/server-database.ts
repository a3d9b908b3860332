import type { CallOptions } from '../back.ts';
import { bounded } from '../bounded.ts';
import type { SqlConnection, SqlDatabase, SqlDialect } from '../sql-back.ts';
import type { DatabaseAddress } from './database-url.ts';
import { databaseFailure } from './failure.ts';

/** A connection of a pool. Exactly one of the two ends its use. */
export interface PooledConnection extends SqlConnection {
  /** Gives it back to the pool. */
  release(): void;
  /** Closes it: the server rolls back what it has not committed. */
  destroy(): void;
}

/** The traits of one kind of database server, and of the package that speaks to it. */
export interface Engine<Pool> {
  /** For messages. */
  readonly name: string;
  /** Where its password comes from, for messages. */
  readonly passwordFrom: string;
  readonly dialect: SqlDialect;
  /** The statements that begin a transaction. */
  readonly begin: readonly string[];
  /** Whether tables can be made in a transaction. */
  readonly definesInTransactions: boolean;
  openPool(address: DatabaseAddress): Promise<Pool>;
  endPool(pool: Pool): Promise<void>;
  connect(pool: Pool): Promise<PooledConnection>;
  isDenied(error: Error): boolean;
  /** As of `FailureKinds`. */
  isPassing(error: Error): boolean;
  risks(connection: SqlConnection): Promise<string[]>;
}

/** Where a database's pool comes from: it is opened at the first call, or its caller's. */
export type PoolOf<Pool> = { address: DatabaseAddress } | { pool: Pool };

/** A database on a server, by way of a pool: one of our own, or a caller's, which stays open. */
export class ServerDatabase<Pool extends object> implements SqlDatabase {
  readonly place: string;
  readonly #engine: Engine<Pool>;
  /** Null: the pool is its caller's. */
  readonly #address: DatabaseAddress | null;
  #pool: Pool | null;

  constructor(engine: Engine<Pool>, of: PoolOf<Pool>) {
    this.#engine = engine;
    this.#address = 'address' in of ? of.address : null;
    this.#pool = 'pool' in of ? of.pool : null;
    this.place = this.#address?.place ?? `the given pool of ${engine.name}`;
  }

  get dialect(): SqlDialect {
    return this.#engine.dialect;
  }

  transaction<T>(work: (connection: SqlConnection) => Promise<T>, options: CallOptions): Promise<T> {
    return this.read(async (connection) => {
      for (const statement of this.#engine.begin) await connection.query(statement);
      const result = await work(connection);
      await connection.query('COMMIT');
      return result;
    }, options);
  }

  define(work: (connection: SqlConnection) => Promise<void>, options: CallOptions): Promise<void> {
    return this.#engine.definesInTransactions ? this.transaction(work, options) : this.read(work, options);
  }

  async read<T>(work: (connection: SqlConnection) => Promise<T>, options: CallOptions): Promise<T> {
    let open: PooledConnection | null = null;
    let isOver = false;
    const end = (how: 'release' | 'destroy') => {
      isOver = true;
      const connection = open;
      open = null;
      connection?.[how]();
    };
    const connected = async () => {
      const connection = await this.#engine.connect(await this.#opened());
      open = connection;
      // Nobody waits for it any more.
      if (isOver) end('destroy');
      return work(connection);
    };
    try {
      const result = await bounded(connected, options, () => end('destroy'));
      end('release');
      return result;
    } catch (error) {
      // Whatever was begun: the server rolls it back with its connection.
      end('destroy');
      if (options.signal?.aborted && error === options.signal.reason) throw error;
      throw this.dialect.isNoTable(error) ? error : this.#failure(error);
    }
  }

  risks(options: CallOptions): Promise<string[]> {
    return this.read((connection) => this.#engine.risks(connection), options);
  }

  async close(): Promise<void> {
    if (this.#address === null) return;
    const pool = this.#pool;
    this.#pool = null;
    // It fails where a connection failed; the caller of that one has got the error.
    if (pool) await this.#engine.endPool(pool).catch(() => undefined);
  }

  async #opened(): Promise<Pool> {
    if (this.#pool) return this.#pool;
    const pool = await this.#engine.openPool(this.#address as DatabaseAddress);
    // Another call may have opened one meanwhile.
    this.#pool ??= pool;
    return this.#pool;
  }

  #failure(error: unknown): unknown {
    const { name, passwordFrom, isDenied, isPassing } = this.#engine;
    const password = this.#address?.password;
    return databaseFailure(error, { engine: name, place: this.place, password, passwordFrom, isDenied, isPassing });
  }
}
