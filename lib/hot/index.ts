/**
 * `lockstep/hot`: counts that are sold from a fast store at a peak, and written back to a database later.
 *
 * @module lockstep/hot
 */

export type { Back, BackState, Batch, CallOptions } from './back.ts';
export type { TableOptions } from './back-tables.ts';
export { HotCounter } from './hot-counter.ts';
export type {
  HotCallOptions,
  HotCounterOptions,
  HotCounterStatus,
  HotIdOptions,
  WriteBackOptions,
} from './hot-counter-options.ts';
export type { HotSide, HotStatus, KnownSale, LoggedSale, Sale, TakeOptions } from './hot-side.ts';
export { JournalHotSide } from './journal-hot-side.ts';
export { type JsonBackOptions, jsonBack } from './json-back.ts';
export type { RedisClient } from './redis/redis-calls.ts';
export { RedisHotSide, type RedisHotSideOptions } from './redis/redis-hot-side.ts';
export { hasPassword } from './secret.ts';
export { type MysqlConnection, type MysqlPool, mysqlBack } from './servers/mysql-back.ts';
export { type PostgresClient, type PostgresPool, postgresBack } from './servers/postgres-back.ts';
export type { SqlRow, SqlValue } from './sql-back.ts';
export { type SqliteOptions, sqliteBack } from './sqlite/sqlite-back.ts';
