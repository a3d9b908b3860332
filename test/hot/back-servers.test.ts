import { mysqlBack, postgresBack } from 'lockstep/hot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HAS_MARIADB, MariaDbServer } from '../support/mariadb-server.ts';
import { HAS_POSTGRES, PostgresServer } from '../support/postgres-server.ts';
import { testBack } from './back-contract.ts';
import { HotRig } from './hot-rig.ts';

describe.skipIf(!HAS_MARIADB)('a real MariaDB', () => {
  let server: MariaDbServer;
  beforeAll(async () => {
    server = await MariaDbServer.start();
  }, 60_000);
  afterAll(() => server?.stop());
  testBack('MariaDB', (rig) => rig.keep(mysqlBack(server.url)));
  testEnds(() => server, mysqlBack);
});

describe.skipIf(!HAS_POSTGRES)('a real PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server?.stop());
  testBack('PostgreSQL', (rig) => rig.keep(postgresBack(server.url)));
  testEnds(() => server, postgresBack);
});

type Opened = typeof mysqlBack;

function testEnds(server: () => MariaDbServer | PostgresServer, open: Opened | typeof postgresBack): void {
  const batch = { token: 1, generation: 'one', loaded: 1, sales: [], isRescue: false };

  test('a server that is away is UNREACHABLE, and answers the same connection’s user when it is back', async () => {
    const rig = new HotRig();
    const back = rig.keep((open as Opened)(server().url));
    await back.write({ ...batch, name: 'away' });
    await server().kill();
    await expect(back.read('away', { timeout: 2_000 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(back.write({ ...batch, name: 'away' }, { timeout: 2_000 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
    await server().start();
    await expect
      .poll(() => back.read('away', { timeout: 2_000 }).catch(() => null), { timeout: 20_000 })
      .toMatchObject({
        loaded: 1,
      });
    await rig.end();
  });

  test('a user who may not is DENIED, and no message has the password', async () => {
    const rig = new HotRig();
    const url = server().url.replace('shop@', 'nobody-here:s3cret-s3cret@');
    const back = rig.keep((open as Opened)(url));
    expect(back.place).not.toContain('s3cret');
    const error = await back.read('x').catch((one: Error) => one);
    expect(error).toMatchObject({ code: 'DENIED' });
    expect((error as Error).message).not.toContain('s3cret');
    await rig.end();
  });

  test('tables can have names of the shop’s own', async () => {
    const rig = new HotRig();
    const back = rig.keep((open as Opened)(server().url, { table: 'stock', orders: 'sold' }));
    await back.write({ ...batch, name: 'own' });
    expect(await back.read('own')).toMatchObject({ loaded: 1, count: 1 });
    expect(await rig.keep((open as Opened)(server().url)).read('own')).toBeNull();
    expect(await back.risks?.()).toEqual([]);
    await rig.end();
  });
}
