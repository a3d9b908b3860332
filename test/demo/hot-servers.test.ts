import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../support/cli-rig.ts';
import { HAS_MARIADB, MariaDbServer } from '../support/mariadb-server.ts';
import { HAS_POSTGRES, PostgresServer } from '../support/postgres-server.ts';
import { HAS_REDIS, RedisServer } from '../support/redis-server.ts';

/** A hang guard. */
const LONGEST_MS = 120_000;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const RIGHT =
  /400 tickets, 10 buyers: 400 sold, \d+ a second, none oversold; the database says 0 left, and has 400 orders, each of them once\.\n$/;

async function shown(hot: string, back: string): Promise<string> {
  const words = ['demo', 'tickets', '--hot', '--tickets', '400', '--hot-store', hot, '--back', back];
  const { status, stdout, stderr } = await rig.lockstep(words, { env: { TMPDIR: rig.directory }, input: '' }).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe.skipIf(!HAS_REDIS)('demo tickets --hot with servers', () => {
  test.skipIf(!HAS_MARIADB)(
    'sells from Redis, and is right in MariaDB at the end',
    async () => {
      const [redis, server] = [await RedisServer.start(), await MariaDbServer.start()];
      try {
        const said = await shown(redis.url, server.url);
        expect(said).toContain('the writer is killed: ');
        expect(said).toMatch(RIGHT);
      } finally {
        await redis.stop();
        await server.stop();
      }
    },
    LONGEST_MS,
  );

  test.skipIf(!HAS_POSTGRES)(
    'sells from Redis, and is right in PostgreSQL at the end',
    async () => {
      const [redis, server] = [await RedisServer.start(), await PostgresServer.start()];
      try {
        expect(await shown(redis.url, server.url)).toMatch(RIGHT);
      } finally {
        await redis.stop();
        await server.stop();
      }
    },
    LONGEST_MS,
  );
});
