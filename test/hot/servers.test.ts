import { mysqlBack, postgresBack } from 'lockstep/hot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isStopped, until } from '../support/cli-rig.ts';
import { HAS_MARIADB, MariaDbServer } from '../support/mariadb-server.ts';
import { HAS_POSTGRES, PostgresServer } from '../support/postgres-server.ts';
import { HAS_REDIS, RedisServer } from '../support/redis-server.ts';
import { testCrashes } from './crashes.ts';
import { HotRig } from './hot-rig.ts';
import { Sale } from './sale.ts';

/** A hang guard. */
const LONGEST_MS = 120_000;

let redis: RedisServer;
let rig: HotRig;
let sale: Sale;

beforeAll(async () => {
  if (HAS_REDIS) redis = await RedisServer.start();
});
afterAll(() => redis?.stop());
afterEach(async () => {
  await sale.end();
  await rig.end();
});

/** For the tests of a `describe`: a server, and for each test a sale from Redis into tables of its own. Returns how to get the server. */
function eachSaleInto<S extends { readonly url: string; stop(): Promise<void> }>(
  prefix: string,
  start: () => Promise<S>,
  backIn: typeof mysqlBack | typeof postgresBack,
): () => S {
  let server: S;
  beforeAll(async () => {
    server = await start();
  }, LONGEST_MS);
  afterAll(() => server?.stop());
  let serial = 0;
  beforeEach(() => {
    rig = new HotRig();
    serial += 1;
    const tables = { table: `counts_${serial}`, orders: `orders_${serial}` };
    const hot = `${redis.url}?prefix=${prefix}${serial}`;
    const options = { tickets: 1_000, maxLog: 100, hot, place: server.url, tables };
    sale = new Sale(rig, rig.keep(backIn(server.url, tables)), options);
  });
  return () => server;
}

describe.skipIf(!HAS_REDIS || !HAS_MARIADB)('a sale from Redis, written back to MariaDB', () => {
  const server = eachSaleInto('maria', () => MariaDbServer.start(), mysqlBack);

  testCrashes(() => sale);

  test(
    'the database is away in the middle of the sale: the log fills, buyers are refused, and all goes on by itself',
    async () => {
      await sale.begin();
      const writer = sale.writer();
      await writer.reported(({ is }) => is === 'written');
      await server().kill();
      await sale.buyersReport('LOG_FULL');
      const trouble = await writer.reported(({ is }) => is === 'trouble');
      expect(trouble.code).toBe('UNREACHABLE');
      // What was committed before may be trimmed after the first refusal.
      await until('the log is full', async () => (await sale.counter.status()).logged === 100);
      await server().start();
      await sale.soldOut();
      await sale.counter.flush();
      await sale.checkExact();
    },
    LONGEST_MS,
  );
});

describe.skipIf(!HAS_REDIS || !HAS_POSTGRES)('a sale from Redis, written back to PostgreSQL', () => {
  eachSaleInto('pg', () => PostgresServer.start(), postgresBack);

  testCrashes(() => sale);
});

describe.skipIf(!HAS_REDIS)('a Redis that goes and comes back', () => {
  beforeEach(() => {
    rig = new HotRig();
    sale = new Sale(rig, rig.sqlite(), {
      ...{ tickets: 600, maxLog: 100, hot: `${redis.url}?prefix=${rig.directory.split('-').at(-1)}` },
      // After a loss the same id may be another sale.
      asksTwice: false,
      place: rig.path('shop.sqlite'),
    });
  });

  test(
    'with its data: buyers ask again with the same ids, and nothing is sold twice or lost',
    async () => {
      await sale.begin();
      const writer = sale.writer();
      for (let times = 0; times < 3; times++) {
        const before = writer.reports.length;
        await writer.reported((report) => report.is === 'written' && writer.reports.indexOf(report) >= before);
        await redis.kill();
        await redis.start();
      }
      await sale.soldOut();
      await sale.counter.flush();
      await sale.checkExact();
    },
    LONGEST_MS,
  );

  test(
    'without its data: it is found out by buyers and by the writer, and a rebuild goes on from the database',
    async () => {
      await sale.begin();
      const writer = sale.writer();
      await writer.reported(({ is }) => is === 'written');
      await redis.kill();
      redis.deleteData();
      const confirmed = sale.notes();
      await redis.start();
      const failed = await writer.reported(({ is }) => is === 'failed');
      expect(failed.code).toBe('HOT_DATA_LOST');
      await sale.buyersReport('HOT_DATA_LOST');
      await expect(sale.counter.load(600, { id: 'opening' })).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
      const { cursor, count } = (await sale.back.read(sale.name)) ?? { cursor: 0, count: 0 };
      expect(cursor).toBeGreaterThan(0);
      // Buyers who waited may have bought by the time it resolves.
      const rebuilt = await sale.counter.rebuild();
      expect(rebuilt.cursor - cursor).toBe(count - rebuilt.count);
      sale.writer();
      await sale.soldOut();
      await sale.counter.flush();
      expect(await sale.back.read(sale.name)).toMatchObject({ count: 0, loaded: 600 });
      const orders = await sale.orders();
      expect(orders.size).toBe(600);
      // What the database had stays sold to the same buyers; what is lost was sold after that, and is at most what the log holds.
      const lost = [...confirmed].filter(([id]) => !orders.has(id));
      for (const [, sequence] of lost) expect(sequence).toBeGreaterThan(cursor);
      expect(lost.length).toBeLessThanOrEqual(100);
      for (const [id, sequence] of sale.notes()) if (orders.has(id)) expect(orders.get(id)).toBe(sequence);
    },
    LONGEST_MS,
  );

  test(
    'with older data: it is found out at the first sale, and what was written stays written',
    async () => {
      await sale.begin();
      // It stops after its first commit: so the sale stands still once the log is full.
      const first = sale.writer({ at: 'after', transaction: 1, signal: 'SIGSTOP' });
      await until('the first writer stands still', () => isStopped(first.pid));
      await until('the log is full', async () => (await sale.counter.status()).logged === 100);
      const { lastSequence } = await sale.counter.status();
      await redis.kill();
      first.kill('SIGKILL');
      const bringBack = redis.copyData();
      await redis.start();
      const writer = sale.writer({ at: 'after', transaction: 2, signal: 'SIGSTOP' });
      await until('the second writer stands still', () => isStopped(writer.pid));
      // The database has sales that the copy has not.
      expect((await sale.back.read(sale.name))?.cursor).toBeGreaterThan(lastSequence);
      await redis.kill();
      bringBack();
      await redis.start();
      await sale.buyersReport('HOT_DATA_LOST');
      writer.kill('SIGCONT');
      const failed = await writer.reported(({ is }) => is === 'failed');
      expect(failed.message).toContain('data was lost');
      await sale.counter.rebuild();
      sale.writer();
      await sale.soldOut();
      await sale.counter.flush();
      expect(await sale.back.read(sale.name)).toMatchObject({ count: 0, loaded: 600 });
      expect((await sale.orders()).size).toBe(600);
    },
    LONGEST_MS,
  );
});
