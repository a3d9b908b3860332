import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';
import { HAS_REDIS, RedisServer } from '../../../support/redis-server.ts';

let rig: Rig;
let back: readonly [string, string];
beforeEach(() => {
  rig = new Rig();
  back = ['--back', rig.path('shop.sqlite')];
});
afterEach(() => rig.end());

const hot = (...args: string[]) => rig.run('hot', 'show-7', ...args);

/** What is printed, and nothing else, by a call that goes well. */
async function printed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await hot(...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('what is loaded is sold, once for an id, and written back', async () => {
  expect(await printed('--load', '5', ...back)).toBe('5\n');
  expect(await printed('--take', '2', '--id', 'a')).toBe('3\n');
  expect(await printed('--take', '2', '--id', 'a')).toBe('3\n');
  expect(await printed('--take', '1', '--id', 'b', '--json')).toBe('{"left":2,"sequence":2}\n');
  expect(await printed('--flush', ...back)).toBe('2\n');
  const status = await printed('--status', ...back);
  expect(status).toContain('show-7: 2 left of 5, 2 sales, at ');
  expect(status).toContain('the database says 2 left, after sale 2: ');
  expect(status).toContain('nobody writes back');
  expect(JSON.parse(await printed('--status', '--json', ...back))).toMatchObject({ left: 2, unwritten: 0, risks: [] });
});

test('sold out is 1, and says so; with --json it is null', async () => {
  await printed('--load', '1');
  expect(await hot('--take', '2', '--id', 'a')).toEqual({
    ...{ status: 1, stdout: '', stderr: 'lockstep: show-7: sold out: 2 would take it below 0\n' },
  });
  expect(await hot('--take', '1', '--floor', '1', '--id', 'a', '--json')).toMatchObject({
    status: 1,
    stdout: 'null\n',
  });
});

test('data that was lost is 74, and the message has the remedy, which mends it', async () => {
  await printed('--load', '5', ...back);
  await printed('--take', '1', '--id', 'a');
  await printed('--flush', ...back);
  const elsewhere = ['--dir', rig.path('another-store')];
  for (const call of [
    ['--take', '1', '--id', 'b'],
    ['--load', '5', ...back],
    ['--flush', ...back],
  ]) {
    const { status, stderr } = await hot(...call, ...elsewhere);
    expect(status).toBe(74);
    expect(stderr).toContain('`lockstep hot show-7 --rebuild --back …`');
  }
  expect((await hot('--status', ...back, ...elsewhere)).status).toBe(1);
  expect(await printed('--rebuild', ...back, ...elsewhere)).toBe('4\n');
  expect(await printed('--take', '1', '--id', 'b', ...elsewhere)).toBe('3\n');
});

test('--write-back writes until a signal, once more then, and ends with the signal’s code', async () => {
  await printed('--load', '5', ...back);
  const writer = rig.lockstep(['hot', 'show-7', '--write-back', '--every', '60', '--json', ...back]);
  await writer.says('"cursor":0');
  await printed('--take', '1', '--id', 'a');
  expect(await printed('--status', ...back)).toContain('writes back');
  writer.kill('SIGTERM');
  const { status, stdout, stderr } = await writer.ended;
  expect({ status, stderr }).toEqual({ status: 143, stderr: '' });
  expect(stdout).toContain('"cursor":1');
});

test.each([
  [[], 'missing one of --load, --take, --flush, --write-back, --status, --rebuild'],
  [['--flush', '--status'], '--flush and --status exclude each other'],
  [['--take', '1'], 'missing --id'],
  [['--flush'], 'missing --back'],
  [['--take', '0', '--id', 'a'], 'a whole number from 1 up'],
  [['--load', 'x'], '--load must be a number'],
  [['--status', '--hot', 'memcached://h'], 'is no place where counts are sold'],
  [['--status', '--back', 'oracle://h/d'], 'is no database that hot counts are written back to'],
  [['--flush', '--back', 'mysql://shop:hunter2@h/d'], 'has a password in it'],
  [['--write-back', '--every', 'soon', '--back', 'x'], '--every takes a duration'],
])('%j is 64, with a reason, and without a password', async (args, reason) => {
  const { status, stdout, stderr } = await hot(...args);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toContain(reason);
  expect(stderr).not.toContain('hunter2');
});

describe.skipIf(!HAS_REDIS)('on a real Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start({ settings: { requirepass: 'hunter2', appendfsync: 'everysec' } });
  });
  afterAll(() => server?.stop());

  test('the password comes from the environment; --status shows what could be lost', async () => {
    const call = (password: string, ...args: string[]) =>
      rig.lockstep(['hot', 'show-7', '--hot', server.url, ...args], {
        ...{ env: { LOCKSTEP_REDIS_PASSWORD: password }, input: '' },
      }).ended;
    expect(await call('hunter2', '--load', '3')).toMatchObject({ status: 0, stdout: '3\n' });
    const denied = await call('wrong-word', '--take', '1', '--id', 'a');
    expect(denied.status).toBe(74);
    expect(denied.stderr).toContain('refused');
    expect(denied.stderr).not.toContain('wrong-word');
    const { status, stderr } = await call('hunter2', '--status');
    expect(status).toBe(0);
    expect(stderr).toContain('a risk: appendfsync is everysec');
  });
});
