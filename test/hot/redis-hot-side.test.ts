import { Redis } from 'ioredis';
import { LogFullError, MisuseError } from 'lockstep';
import { RedisHotSide } from 'lockstep/hot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadPackage } from '../../lib/hot/peer-package.ts';
import { HAS_REDIS, RedisServer } from '../support/redis-server.ts';
import { HotRig } from './hot-rig.ts';

describe.skipIf(!HAS_REDIS)('a hot side on a real Redis', () => {
  let server: RedisServer;
  let rig: HotRig;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    rig = new HotRig();
  });
  afterEach(() => rig.end());

  const limits = { floor: 0, bound: 100 };
  let serial = 0;
  const side = (name = `show-${serial++}`) => rig.redis(server, name);

  test('a sale is one step: it counts down, has the next number, and is logged', async () => {
    const hot = side();
    expect(await hot.load(5, 'opening')).toBe(5);
    expect(await hot.take(2, 'a', limits)).toEqual({ left: 3, sequence: 1 });
    expect(await hot.take(1, 'b', limits)).toEqual({ left: 2, sequence: 2 });
    expect(await hot.sales(0, 10)).toMatchObject([
      { id: 'a', n: 2, sequence: 1, left: 3 },
      { id: 'b', n: 1, sequence: 2, left: 2 },
    ]);
    expect(await hot.sales(1, 10)).toHaveLength(1);
    expect(Math.abs(((await hot.sales(0, 1))[0]?.at ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await hot.status()).toMatchObject({ left: 2, loaded: 5, lastSequence: 2, trimmedTo: 0, logged: 2 });
  });

  test('the same id gets the same answer: when it is sold out, when the log is full, and after a trim', async () => {
    const hot = side();
    await hot.load(2, 'opening');
    const first = await hot.take(1, 'a', limits);
    await hot.take(1, 'b', limits);
    expect(await hot.take(1, 'c', limits)).toBeNull();
    expect(await hot.take(1, 'a', limits)).toEqual(first);
    expect(await hot.take(1, 'a', { floor: 0, bound: 1 })).toEqual(first);
    await hot.trim(2);
    expect(await hot.take(1, 'a', limits)).toEqual(first);
    expect((await hot.status()).lastSequence).toBe(2);
    await expect(hot.take(2, 'a', limits)).rejects.toThrow(MisuseError);
  });

  test('a load with the same id adds once; ids of loads and of takes do not meet', async () => {
    const hot = side();
    expect(await hot.load(5, 'x')).toBe(5);
    expect(await hot.take(1, 'x', limits)).toEqual({ left: 4, sequence: 1 });
    expect(await hot.load(5, 'x')).toBe(4);
    expect(await hot.load(1, 'y')).toBe(5);
    await expect(hot.load(2, 'y')).rejects.toThrow(MisuseError);
    await expect(hot.load(Number.MAX_SAFE_INTEGER, 'z')).rejects.toThrow('beyond what a number holds');
  });

  test('it never goes below its floor, also one below zero', async () => {
    const hot = side();
    await hot.load(3, 'opening');
    expect(await hot.take(1, 'a', { floor: 3, bound: 10 })).toBeNull();
    expect(await hot.take(5, 'b', { floor: -2, bound: 10 })).toEqual({ left: -2, sequence: 1 });
    expect(await hot.take(1, 'c', { floor: -2, bound: 10 })).toBeNull();
  });

  test('a log that is full refuses, and takes again once it is trimmed', async () => {
    const hot = side();
    await hot.load(9, 'opening');
    for (const id of ['a', 'b', 'c']) await hot.take(1, id, limits);
    await expect(hot.take(1, 'd', { floor: 0, bound: 3 })).rejects.toThrow(LogFullError);
    await hot.trim(1);
    expect(await hot.take(1, 'd', { floor: 0, bound: 3 })).toEqual({ left: 5, sequence: 4 });
    expect((await hot.sales(0, 10)).map(({ sequence }) => sequence)).toEqual([2, 3, 4]);
  });

  test('what was written back beyond the last sale is of data that is gone: nothing is trimmed, and nothing sold any more', async () => {
    const hot = side();
    await hot.load(9, 'opening');
    await hot.take(1, 'a', limits);
    await expect(hot.trim(5)).rejects.toThrow('sale 5 is written back, and the last one here is 1');
    expect(await hot.sales(0, 9)).toHaveLength(1);
    await expect(hot.take(1, 'b', limits)).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
  });

  test('numbers keep all their digits', async () => {
    const hot = side();
    await hot.load(Number.MAX_SAFE_INTEGER, 'opening');
    expect(await hot.take(1, 'a', limits)).toEqual({ left: Number.MAX_SAFE_INTEGER - 1, sequence: 1 });
    expect((await hot.status()).loaded).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('two names, and two prefixes, do not meet', async () => {
    const [one, other] = [side(), side('a/{b} c')];
    const apart = rig.keep(new RedisHotSide(one.name, `${server.url}?prefix=other`));
    await one.load(1, 'opening');
    expect((await other.status()).generation).toBeNull();
    expect((await apart.status()).generation).toBeNull();
    expect(await other.load(7, 'opening')).toBe(7);
  });

  test('what was never loaded sells nothing, and says so', async () => {
    await expect(side().take(1, 'a', limits)).rejects.toThrow('it was never loaded, or its data is gone');
  });

  test('a buyer who knew it notices at once that the data is gone, another one’s, or older; then nobody is sold anything', async () => {
    const [hot, other] = [side('lost'), side('lost')];
    const redis = new Redis(server.port, '127.0.0.1');
    const state = '{lockstep/lost}:state';
    const lost = { code: 'HOT_DATA_LOST' };
    await hot.load(9, 'opening');
    for (const id of ['a', 'b', 'c']) await hot.take(1, id, limits);
    const whole = await redis.hgetall(state);
    // Older: as after a crash that lost the last second.
    await redis.hset(state, { sequence: '1', left: '8' });
    await expect(hot.take(1, 'd', limits)).rejects.toThrow('a buyer knows of sale 3, and the last one here is 1');
    await expect(other.take(1, 'e', limits)).rejects.toMatchObject(lost);
    // Another one's.
    await redis.del(state);
    await redis.hset(state, { ...whole, generation: 'another' });
    await expect(hot.take(1, 'd', limits)).rejects.toMatchObject(lost);
    // Gone.
    await redis.del(state);
    await expect(hot.take(1, 'd', limits)).rejects.toMatchObject(lost);
    redis.disconnect();
  });

  test('after a rebuild, buyers who knew what was there before go on', async () => {
    const [hot, other] = [side('again'), side('again')];
    await hot.load(9, 'opening');
    for (const id of ['a', 'b', 'c']) await hot.take(1, id, limits);
    const { generation } = await hot.status();
    await other.rebuild({ left: 6, loaded: 9, sequence: 3, previous: generation ?? '' });
    expect(await hot.take(1, 'd', limits)).toEqual({ left: 5, sequence: 4 });
    await other.rebuild({ left: 5, loaded: 9, sequence: 4 });
    expect(await hot.take(1, 'e', limits)).toEqual({ left: 4, sequence: 5 });
  });

  test('a rebuild is refused while there are sales that it does not know', async () => {
    const hot = side();
    await hot.load(9, 'opening');
    await hot.take(1, 'a', limits);
    await expect(hot.rebuild({ left: 9, loaded: 9, sequence: 0 })).rejects.toThrow('Write them back first');
    expect((await hot.status()).left).toBe(8);
  });

  test('what was halted sells nothing until it is rebuilt; the ids that it is told are known then', async () => {
    const hot = side();
    await hot.load(9, 'opening');
    const sale = await hot.take(1, 'a', limits);
    await hot.halt('a test');
    await expect(hot.take(1, 'b', limits)).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
    expect((await hot.status()).halted).toBe('a test');
    await hot.rebuild({ left: 8, loaded: 9, sequence: 1 });
    await hot.remember([{ id: 'a', n: 1, sequence: 1, left: 8 }]);
    expect(await hot.take(1, 'a', limits)).toEqual(sale);
    expect(await hot.take(1, 'b', limits)).toEqual({ left: 7, sequence: 2 });
  });

  test('an answer that is lost is asked for again, until the time is over; the same id is one sale', async () => {
    const hot = side();
    await hot.load(9, 'opening');
    server.signal('SIGSTOP');
    try {
      const lost = hot.take(1, 'a', { ...limits, timeout: 200 });
      await expect(lost).rejects.toMatchObject({ code: 'UNSURE' });
      const reason = new Error('closed for today');
      const ends = new AbortController();
      const aborted = hot.take(1, 'b', { ...limits, signal: ends.signal });
      ends.abort(reason);
      await expect(aborted).rejects.toBe(reason);
      const patient = hot.take(1, 'a', limits);
      server.signal('SIGCONT');
      expect(await patient).toEqual({ left: 8, sequence: 1 });
    } finally {
      server.signal('SIGCONT');
    }
    expect(await hot.take(1, 'a', limits)).toEqual({ left: 8, sequence: 1 });
    const { left, lastSequence } = await hot.status();
    // The one that was aborted may be sold: its id says so.
    expect([
      [8, 1],
      [7, 2],
    ]).toContainEqual([left, lastSequence]);
  });

  test('a Redis that is not there is UNREACHABLE: nothing was done', async () => {
    const hot = rig.keep(new RedisHotSide('show', 'redis://127.0.0.1:1'));
    await expect(hot.take(1, 'a', { ...limits, timeout: 200 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test('check names what could be lost: no log, a log that is synced later, keys that are evicted', async () => {
    const careless = await RedisServer.start({
      settings: { appendonly: 'no', 'maxmemory-policy': 'allkeys-lru', maxmemory: '50mb' },
    });
    const hot = rig.keep(new RedisHotSide('show', careless.url));
    const risks = (await hot.check()).join('\n');
    await careless.stop();
    expect(risks).toContain('appendonly is no');
    expect(risks).toContain('maxmemory-policy is allkeys-lru');
  });

  test('check finds nothing on a Redis that syncs each sale', async () => {
    expect(await side().check()).toEqual([]);
  });
});

test('a URL of a Redis is understood, or refused in words; no message has its password', () => {
  expect(new RedisHotSide('show', 'redis://shop:hunter2@h1:7000/2?prefix=shop').place).toBe(
    'redis://shop@h1:7000/2?prefix=shop',
  );
  expect(new RedisHotSide('show', 'redis://:hunter2@h1').place).not.toContain('hunter2');
  for (const wrong of ['redis:', 'redis://h1/x', 'redis://h1?ttl=1', 'redis://h1?prefix=a{b', 'http://h1'])
    expect(() => new RedisHotSide('show', wrong), wrong).toThrow(MisuseError);
  expect(() => new RedisHotSide('show', 'redis://:hunter2@h1/x')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});

test('a package that is missing is an error that says what to install', async () => {
  await expect(loadPackage('no-such-package-of-ours/promise')).rejects.toThrow(
    'the package no-such-package-of-ours is needed for that, and is not installed here: npm install no-such-package-of-ours',
  );
});
