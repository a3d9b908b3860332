import { MisuseError } from '../../errors.ts';
import type { Back } from '../back.ts';
import { type TableOptions, tablesOf } from '../back-tables.ts';
import { CALL_MS } from '../bounded.ts';
import { loadPackage } from '../peer-package.ts';
import { SqlBack, type SqlConnection, type SqlDialect, type SqlRow, type SqlValue } from '../sql-back.ts';
import { POSTGRES, parseDatabaseUrl } from './database-url.ts';
import { isLostConnection } from './failure.ts';
import { type Engine, type PoolOf, ServerDatabase } from './server-database.ts';

/** The part of a client of `pg` that is used. */
export interface PostgresClient {
  query(sql: string, values?: SqlValue[]): Promise<{ rows: SqlRow[] }>;
  /** True: the connection is closed. */
  release(isBroken?: boolean): void;
  on(event: 'error', listener: () => void): unknown;
  off(event: 'error', listener: () => void): unknown;
}

/** The part of a `Pool` of `pg` that is used. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
  on(event: 'error', listener: () => void): unknown;
}

interface PostgresModule {
  Pool: new (options: object) => PostgresPool;
}

/**
 * Opens a database of PostgreSQL for hot counts. It makes its tables at the first write (`docs/hot-counts.md`).
 *
 * Use it where the shop has its tables in one. It needs the package `pg`, which is loaded at the first call. Each call has 10 s; a connection whose time is over, or whose call is
 * aborted, is closed, and the server then rolls back what was not committed. Its commits are durable (`synchronous_commit`), whatever the
 * database's own setting is.
 *
 * @param place `postgres://USER@HOST:5432/DATABASE`, or a `Pool` of `pg`, which `close` leaves open. The password comes from
 *   `$LOCKSTEP_POSTGRES_PASSWORD`, or a file (`$LOCKSTEP_POSTGRES_PASSWORD_FILE`).
 * @throws {MisuseError} for a URL or a table's name that can never be right
 *
 * @example
 * import { postgresBack } from 'lockstep/hot';
 * const back = postgresBack('postgres://shop@127.0.0.1/shop');
 * console.log(back.place); // prints postgres://shop@127.0.0.1/shop
 * await back.close();
 */
export function postgresBack(place: string | PostgresPool, options: TableOptions = {}): Back {
  const tables = tablesOf('postgresBack', options);
  const back = (of: PoolOf<PostgresPool>) => new SqlBack(new ServerDatabase(ENGINE, of), tables);
  if (typeof place === 'string') return back({ address: parseDatabaseUrl(place, POSTGRES) });
  if (typeof place?.connect === 'function') return back({ pool: place });
  throw new MisuseError('postgresBack takes a URL, postgres://USER@HOST/DATABASE, or a Pool of pg');
}

const UNDEFINED_TABLE = '42P01';
/** Classes of SQLSTATE: of connections, of transactions that collide, of resources, of operators who end a server. */
const PASSING = /^(08|40|53|57P0|55P03)/;
const DENIED = /^(28|42501)/;

const DIALECT: SqlDialect = {
  text: 'TEXT',
  forUpdate: 'FOR UPDATE',
  insertIgnore: ['INSERT INTO', 'ON CONFLICT DO NOTHING'],
  textOf: (column) => column,
  isNoTable: (error) => codeOf(error) === UNDEFINED_TABLE,
};

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '');
}

const ENGINE: Engine<PostgresPool> = {
  name: 'PostgreSQL',
  passwordFrom: '$LOCKSTEP_POSTGRES_PASSWORD',
  dialect: DIALECT,
  begin: ['BEGIN', 'SET LOCAL synchronous_commit = on'],
  definesInTransactions: true,
  async openPool({ host, port, database, user, password, isTls }) {
    const { Pool } = await loadPackage<PostgresModule>('pg');
    const pool = new Pool({
      ...{ host, port, database, user, password, ssl: isTls },
      max: 4,
      connectionTimeoutMillis: CALL_MS,
    });
    // Of a connection that is not in use: the next call opens another one.
    pool.on('error', () => undefined);
    return pool;
  },
  endPool: (pool) => pool.end(),
  async connect(pool) {
    const client = await pool.connect();
    // Its query rejects, too.
    const ignore = () => undefined;
    client.on('error', ignore);
    const end = (isBroken: boolean) => {
      client.off('error', ignore);
      client.release(isBroken);
    };
    return { ...statements(client), release: () => end(false), destroy: () => end(true) };
  },
  isDenied: (error) => DENIED.test(codeOf(error)),
  isPassing: (error) => isLostConnection(error) || PASSING.test(codeOf(error)),
  async risks(connection) {
    const [row] = await connection.query('SHOW fsync');
    return row?.fsync === 'off' ? ['fsync is off: a crash can lose commits, or the whole database. Set it to on.'] : [];
  },
};

function statements(client: PostgresClient): SqlConnection {
  return {
    async query(sql, values = []) {
      let place = 0;
      const numbered = sql.replace(/\?/g, () => `$${++place}`);
      return (await client.query(numbered, [...values])).rows;
    },
  };
}
