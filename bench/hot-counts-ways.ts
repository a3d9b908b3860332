import fs from 'node:fs';
import { Counter, JsonFile } from 'lockstep';
import { HotCounter } from 'lockstep/hot';
import { createPool } from 'mysql2/promise';

/** The ways to sell from a number that several processes share. */
export const WAYS = [
  'JsonFile.update',
  'Counter.take',
  'HotCounter on files',
  'HotCounter on Redis',
  'HotCounter on Redis that syncs each second',
  'UPDATE … WHERE count > 0 in MariaDB',
  'UPDATE … WHERE count > 0 in SQLite',
] as const;
export type Way = (typeof WAYS)[number];

/** Where each way finds its servers. */
export interface Places {
  /** A folder of this run. */
  directory: string;
  /** Null: there is none here. */
  redis: string | null;
  /** One with `appendfsync everysec`. */
  lazyRedis: string | null;
  mysql: string | null;
}

/** One that sells. `take` resolves to whether there was one left. */
export interface Seller {
  /** Connects, before the time is taken. */
  open(): Promise<unknown>;
  begin(tickets: number): Promise<void>;
  take(id: string): Promise<boolean>;
  /** Resolves when the database has all that was sold, to what it says is left. */
  flush(): Promise<number>;
  close(): Promise<void>;
}

interface NativeSqlite {
  DatabaseSync: new (
    file: string,
  ) => { exec(sql: string): void; prepare(sql: string): { run(): { changes: number | bigint }; get(): unknown } };
}

/** Node's own SQLite, which several processes can use at once. */
export function nativeSqlite(): NativeSqlite | null {
  return (process.getBuiltinModule('node:sqlite' as never) as NativeSqlite | undefined) ?? null;
}

/** Null where a server is missing. */
export function sellerBy(way: Way, places: Places): Seller | null {
  const { directory, redis, lazyRedis, mysql } = places;
  if (way === 'JsonFile.update') return jsonFile(`${directory}/number.json`);
  if (way === 'Counter.take') return counter(`${directory}/store`);
  if (way === 'HotCounter on files') return hotCounter(places, undefined);
  if (way === 'HotCounter on Redis') return redis === null ? null : hotCounter(places, redis);
  if (way === 'HotCounter on Redis that syncs each second')
    return lazyRedis === null ? null : hotCounter(places, lazyRedis);
  if (way === 'UPDATE … WHERE count > 0 in MariaDB') return mysql === null ? null : mariaDb(mysql);
  return nativeSqlite() === null ? null : sqlite(`${directory}/number.sqlite`);
}

function jsonFile(place: string): Seller {
  const file = new JsonFile<{ left: number }>(place);
  return {
    open: async () => undefined,
    begin: async (left) => fs.writeFileSync(place, JSON.stringify({ left })),
    async take() {
      let isSold = false;
      await file.update((ticket) => {
        isSold = ticket.left > 0;
        if (isSold) ticket.left -= 1;
      });
      return isSold;
    },
    flush: async () => (await file.read()).left,
    close: async () => undefined,
  };
}

function counter(store: string): Seller {
  const tickets = new Counter('tickets', { store });
  return {
    open: () => tickets.get(),
    begin: async (left) => void (await tickets.add(left)),
    take: async (id) => (await tickets.take(1, { id })) !== null,
    flush: () => tickets.get(),
    close: async () => undefined,
  };
}

function hotCounter({ directory, mysql }: Places, hot: string | undefined): Seller {
  const name = `show${directory.replace(/\W/g, '-').slice(-60)}`;
  const tickets = new HotCounter(name, {
    ...{ store: `${directory}/store`, maxLog: 20_000, back: mysql ?? `${directory}/shop.sqlite` },
    ...(hot === undefined ? {} : { hot }),
  });
  let writing: Promise<void> | null = null;
  return {
    open: () => tickets.look(),
    // As in a shop, sales are written back meanwhile, ten times a second.
    async begin(left) {
      await tickets.load(left, { id: 'opening' });
      writing = tickets.writeBack({ everyMs: 100 });
    },
    take: async (id) => (await tickets.take(1, { id })) !== null,
    flush: async () => (await tickets.flush()).count,
    async close() {
      await tickets.close();
      await writing;
    },
  };
}

function mariaDb(url: string): Seller {
  const pool = createPool({ uri: url, connectionLimit: 1 });
  return {
    open: () => pool.query('SELECT count FROM bench'),
    async begin(left) {
      await pool.query('CREATE TABLE IF NOT EXISTS bench (count BIGINT NOT NULL)');
      await pool.query('DELETE FROM bench');
      await pool.execute('INSERT INTO bench VALUES (?)', [left]);
    },
    async take() {
      const [result] = await pool.execute('UPDATE bench SET count = count - 1 WHERE count > 0');
      return (result as { affectedRows: number }).affectedRows === 1;
    },
    async flush() {
      const [rows] = await pool.query('SELECT count FROM bench');
      return Number((rows as Array<{ count: number }>)[0]?.count);
    },
    close: () => pool.end(),
  };
}

function sqlite(file: string): Seller {
  const { DatabaseSync } = nativeSqlite() as NativeSqlite;
  const database = new DatabaseSync(file);
  database.exec('PRAGMA busy_timeout = 60000');
  database.exec('CREATE TABLE IF NOT EXISTS bench (count INTEGER NOT NULL)');
  const sale = database.prepare('UPDATE bench SET count = count - 1 WHERE count > 0');
  return {
    open: async () => undefined,
    begin: async (left) => database.exec(`INSERT INTO bench VALUES (${left})`),
    take: async () => Number(sale.run().changes) === 1,
    flush: async () => (database.prepare('SELECT count FROM bench').get() as { count: number }).count,
    close: async () => undefined,
  };
}
