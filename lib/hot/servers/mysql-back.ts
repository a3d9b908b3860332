import { MisuseError } from '../../errors.ts';
import type { Back } from '../back.ts';
import { type TableOptions, tablesOf } from '../back-tables.ts';
import { CALL_MS } from '../bounded.ts';
import { loadPackage } from '../peer-package.ts';
import { SqlBack, type SqlConnection, type SqlDialect, type SqlRow, type SqlValue } from '../sql-back.ts';
import { MYSQL, parseDatabaseUrl } from './database-url.ts';
import { isLostConnection } from './failure.ts';
import { type Engine, type PoolOf, ServerDatabase } from './server-database.ts';

/** The part of a connection of `mysql2/promise` that is used. */
export interface MysqlConnection {
  query(sql: string): Promise<[unknown, unknown]>;
  execute(sql: string, values: SqlValue[]): Promise<[unknown, unknown]>;
  release(): void;
  destroy(): void;
}

/** The part of a pool of `mysql2/promise` that is used. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection>;
  end(): Promise<void>;
}

interface MysqlModule {
  createPool(options: object): MysqlPool;
}

/**
 * Opens a database of MySQL or MariaDB for hot counts. It makes its tables at the first write (`docs/hot-counts.md`).
 *
 * Use it where the shop has its tables in one. It needs the package `mysql2`, which is loaded at the first call. Each call has 10 s; a connection whose time is over, or whose call is
 * aborted, is closed, and the server then rolls back what was not committed.
 *
 * @param place `mysql://USER@HOST:3306/DATABASE`, or a pool of `mysql2/promise`, which `close` leaves open. The password comes from
 *   `$LOCKSTEP_MYSQL_PASSWORD`, or a file (`$LOCKSTEP_MYSQL_PASSWORD_FILE`).
 * @throws {MisuseError} for a URL or a table's name that can never be right
 *
 * @example
 * import { mysqlBack } from 'lockstep/hot';
 * const back = mysqlBack('mysql://shop@127.0.0.1/shop', { orders: 'shop_orders' });
 * console.log(back.place); // prints mysql://shop@127.0.0.1/shop
 * await back.close();
 */
export function mysqlBack(place: string | MysqlPool, options: TableOptions = {}): Back {
  const tables = tablesOf('mysqlBack', options);
  const back = (of: PoolOf<MysqlPool>) => new SqlBack(new ServerDatabase(ENGINE, of), tables);
  if (typeof place === 'string') return back({ address: parseDatabaseUrl(place, MYSQL) });
  if (typeof place?.getConnection === 'function') return back({ pool: place });
  throw new MisuseError('mysqlBack takes a URL, mysql://USER@HOST/DATABASE, or a pool of mysql2/promise');
}

const [NO_TABLE, BAD_TABLE, DEADLOCK, WAITED, NO_ACCESS, NO_ACCESS_DATABASE, NO_PERMISSION, SHUTDOWN, TOO_MANY] = [
  1146, 1051, 1213, 1205, 1045, 1044, 1142, 1053, 1040,
];

const DIALECT: SqlDialect = {
  // No collation: even the binary ones ignore spaces at the end.
  text: 'VARBINARY(600)',
  forUpdate: 'FOR UPDATE',
  insertIgnore: ['INSERT IGNORE INTO', ''],
  textOf: (column) => `CONVERT(${column} USING utf8mb4)`,
  isNoTable: (error) => [NO_TABLE, BAD_TABLE].includes(errnoOf(error)),
};

function errnoOf(error: unknown): number {
  return Number((error as { errno?: unknown }).errno ?? 0);
}

const ENGINE: Engine<MysqlPool> = {
  name: 'MySQL',
  passwordFrom: '$LOCKSTEP_MYSQL_PASSWORD',
  dialect: DIALECT,
  begin: ['START TRANSACTION'],
  // Each definition commits by itself.
  definesInTransactions: false,
  async openPool({ host, port, database, user, password, isTls }) {
    const { createPool } = await loadPackage<MysqlModule>('mysql2/promise');
    return createPool({
      ...{ host, port, database, user, password },
      ...(isTls ? { ssl: {} } : {}),
      connectionLimit: 4,
      connectTimeout: CALL_MS,
      supportBigNumbers: true,
    });
  },
  endPool: (pool) => pool.end(),
  async connect(pool) {
    const connection = await pool.getConnection();
    const [release, destroy] = [() => connection.release(), () => connection.destroy()];
    return { ...statements(connection), release, destroy };
  },
  isDenied: (error) => [NO_ACCESS, NO_ACCESS_DATABASE, NO_PERMISSION].includes(errnoOf(error)),
  isPassing: (error) => isLostConnection(error) || [DEADLOCK, WAITED, SHUTDOWN, TOO_MANY].includes(errnoOf(error)),
  async risks(connection) {
    const rows = await connection.query("SHOW VARIABLES LIKE 'innodb_flush_log_at_trx_commit'");
    const value = String(rows[0]?.Value ?? 1);
    return value === '1'
      ? []
      : [`innodb_flush_log_at_trx_commit is ${value}: a crash can lose commits of the last second. Set it to 1.`];
  },
};

/** Prepared statements: an escape in a text would mean another thing in each of the server's modes. */
function statements(connection: MysqlConnection): SqlConnection {
  return {
    async query(sql, values = []) {
      const [rows] = values.length === 0 ? await connection.query(sql) : await connection.execute(sql, [...values]);
      return Array.isArray(rows) ? (rows as SqlRow[]) : [];
    },
  };
}
