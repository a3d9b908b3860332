import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { EtcdError } from '../../lib/etcd/client/etcd-error.ts';
import { prefixEnd } from '../../lib/etcd/client/kv-messages.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { watched } from '../support/watched.ts';

describe.skipIf(!HAS_ETCD)('with a real etcd', () => {
  let cluster: EtcdCluster;
  let client: EtcdClient;
  let names = 0;
  /** A prefix that no other test uses. */
  const fresh = () => `t${names++}/`;

  beforeAll(async () => {
    cluster = await EtcdCluster.start();
    client = cluster.client();
  }, 90_000);
  afterAll(() => cluster?.stop());

  test('what is put is read, with its revisions, and is gone once it is deleted', async () => {
    const prefix = fresh();
    const put = await client.put({ key: `${prefix}a`, value: 'one' });
    const { kvs, header, count, more } = await client.range({ key: prefix, rangeEnd: prefixEnd(prefix) });
    expect([kvs.length, count, more]).toEqual([1, 1, false]);
    expect(kvs[0]).toMatchObject({ modRevision: put.header.revision, createRevision: put.header.revision, version: 1 });
    expect([kvs[0]?.key.toString(), kvs[0]?.value.toString(), kvs[0]?.lease]).toEqual([`${prefix}a`, 'one', 0n]);
    expect(header.revision).toBeGreaterThanOrEqual(put.header.revision);
    const { deleted, prevKvs } = await client.deleteRange({ key: `${prefix}a`, prevKv: true });
    expect([deleted, prevKvs[0]?.value.toString()]).toEqual([1, 'one']);
  });

  test('the same is seen by etcdctl, and the other way round', async () => {
    const key = `${fresh()}ü`;
    await client.put({ key, value: 'from us' });
    expect(cluster.members[0]?.control('get', key, '--print-value-only').trim()).toBe('from us');
    cluster.members[0]?.control('put', key, 'from etcdctl');
    expect((await client.range({ key })).kvs[0]?.value.toString()).toBe('from etcdctl');
  });

  test('ranges are limited, sorted, filtered, counted, and read at an old revision', async () => {
    const prefix = fresh();
    const revisions: number[] = [];
    for (const name of ['b', 'a', 'c'])
      revisions.push((await client.put({ key: prefix + name, value: name })).header.revision);
    const all = { key: prefix, rangeEnd: prefixEnd(prefix) };
    const keys = async (more: object) =>
      (await client.range({ ...all, ...more })).kvs.map(({ key }) => key.toString().slice(prefix.length)).join('');
    expect(await keys({ sortTarget: 'create', sortOrder: 'ascend' })).toBe('bac');
    expect(await keys({ sortTarget: 'key', sortOrder: 'descend', limit: 2 })).toBe('cb');
    expect(await keys({ minCreateRevision: revisions[1] })).toBe('ac');
    expect(await keys({ revision: revisions[0] })).toBe('b');
    expect(await client.range({ ...all, countOnly: true })).toMatchObject({ count: 3, kvs: [] });
    expect((await client.range({ ...all, keysOnly: true })).kvs[0]?.value).toHaveLength(0);
    expect((await client.range({ ...all, limit: 1 })).more).toBe(true);
  });

  test('a transaction does one side or the other, and answers operation by operation, nested ones too', async () => {
    const prefix = fresh();
    const request = {
      compare: [{ key: `${prefix}lock`, target: 'create', result: 'equal', createRevision: 0 }] as const,
      success: [
        { put: { key: `${prefix}lock`, value: 'me' } },
        { range: { key: prefix, rangeEnd: prefixEnd(prefix) } },
        {
          txn: {
            // etcd compares before it does anything: the lock is not there yet.
            compare: [{ key: `${prefix}lock`, target: 'version', result: 'equal', version: 0 }] as const,
            success: [{ put: { key: `${prefix}other`, value: '1' } }],
          },
        },
      ],
      failure: [{ range: { key: `${prefix}lock` } }, { deleteRange: { key: `${prefix}none` } }],
    };
    const first = await client.txn(request);
    expect(first.succeeded).toBe(true);
    expect(first.responses[1]?.range?.kvs.map(({ value }) => value.toString())).toEqual(['me']);
    expect(first.responses[2]?.txn?.succeeded).toBe(true);
    const second = await client.txn(request);
    expect(second.succeeded).toBe(false);
    expect(second.responses[0]?.range?.kvs[0]?.modRevision).toBe(first.header.revision);
    expect(second.responses[1]?.deleteRange?.deleted).toBe(0);
    expect(second.header.revision).toBe(first.header.revision);
  });

  test('what etcd refuses is REFUSED, in its own words, and nothing is repeated', async () => {
    const put = { put: { key: 'twice' } };
    await expect(client.txn({ success: [put, put] })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('duplicate key given in txn request'),
      status: { code: 3 },
    });
    await expect(client.put({ key: '' })).rejects.toMatchObject({ code: 'REFUSED', operation: 'put' });
    await expect(client.put({ key: 'big', value: Buffer.alloc(3 << 20) })).rejects.toBeInstanceOf(EtcdError);
  });

  test('a message of more than a megabyte arrives whole', async () => {
    const key = `${fresh()}large`;
    const value = Buffer.alloc(1_400_000, 'lockstep');
    await client.put({ key, value }, { timeoutMs: 30_000 });
    expect((await client.range({ key }, { timeoutMs: 30_000 })).kvs[0]?.value.equals(value)).toBe(true);
  });

  test('a watch reports all events in order, with what was there before, from a past revision too', async () => {
    const prefix = fresh();
    const first = (await client.put({ key: `${prefix}a`, value: '1' })).header.revision;
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix), startRevision: first, prevKv: true });
    await client.txn({
      success: [{ put: { key: `${prefix}a`, value: '2' } }, { put: { key: `${prefix}b`, value: '3' } }],
    });
    await client.deleteRange({ key: `${prefix}a` });
    await seen.until(4);
    expect(seen.events.map(({ type, kv, prevKv }) => [type, kv.value.toString(), prevKv?.value.toString()])).toEqual([
      ['put', '1', undefined],
      ['put', '2', '1'],
      ['put', '3', undefined],
      ['delete', '', '2'],
    ]);
    expect(seen.events[1]?.kv.modRevision).toBe(seen.events[2]?.kv.modRevision);
    seen.watch.cancel();
  });

  test('a watch that begins now is established when it is said to be, and can leave out deletions', async () => {
    const prefix = fresh();
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix), filters: ['noDelete'] });
    await seen.created(1);
    await client.put({ key: `${prefix}a`, value: '1' });
    await client.deleteRange({ key: `${prefix}a` });
    await client.put({ key: `${prefix}b`, value: '2' });
    await seen.until(2);
    expect(seen.events.map(({ kv }) => kv.value.toString())).toEqual(['1', '2']);
    seen.watch.cancel();
  });

  test('a watch on which nothing happens is left alone: a server does not take its questions for too many pings', async () => {
    const own = cluster.client();
    const prefix = fresh();
    const seen = watched(own, { key: prefix });
    await seen.created(1);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    await client.put({ key: prefix, value: '1' });
    await seen.until(1);
    expect(seen.interruptions).toEqual([]);
    own.close();
  });

  test('events that are larger together than a message are joined from fragments', async () => {
    const prefix = fresh();
    const value = Buffer.alloc(700_000, 'x');
    const first = (await client.put({ key: `${prefix}0`, value }, { timeoutMs: 30_000 })).header.revision;
    for (let at = 1; at < 6; at++) await client.put({ key: prefix + at, value }, { timeoutMs: 30_000 });
    await client.deleteRange({ key: prefix, rangeEnd: prefixEnd(prefix) }, { timeoutMs: 30_000 });
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix), startRevision: first, prevKv: true });
    await seen.until(12);
    // The six deletions are one revision.
    expect(seen.sizes.at(-1)).toBeGreaterThanOrEqual(6);
    expect(seen.events.map(({ kv }) => kv.key.toString().slice(prefix.length)).join('')).toBe('012345012345');
    expect(
      seen.events.filter(({ type }) => type === 'delete').every(({ prevKv }) => prevKv?.value.length === 700_000),
    ).toBe(true);
    seen.watch.cancel();
  });

  test('a watch that would begin before a compaction ends with COMPACTED, and names the oldest revision', async () => {
    const prefix = fresh();
    const first = (await client.put({ key: prefix, value: '1' })).header.revision;
    const { header } = await client.put({ key: prefix, value: '2' });
    await client.compact({ revision: header.revision });
    await expect(client.range({ key: prefix, revision: first })).rejects.toMatchObject({ code: 'COMPACTED' });
    const seen = watched(client, { key: prefix, startRevision: first });
    expect(await seen.end()).toMatchObject({ code: 'COMPACTED', compactRevision: header.revision });
  });

  test('a lease deletes its keys when it is revoked, and revoking it again is no error', async () => {
    const key = `${fresh()}leased`;
    const lease = await client.keepLease(10_000);
    expect([lease.isAlive, lease.remainingMs() <= 9_000, lease.lost.aborted]).toEqual([true, true, false]);
    await client.put({ key, value: '1', lease: lease.id });
    const { grantedTtl, keys } = await client.timeToLive(lease.id, { keys: true });
    expect([grantedTtl, keys.map(String)]).toEqual([10, [key]]);
    lease.stop();
    await client.revoke(lease.id);
    await client.revoke(lease.id);
    expect((await client.range({ key })).count).toBe(0);
    await expect(client.put({ key, lease: lease.id })).rejects.toMatchObject({ code: 'EXPIRED' });
    expect((await client.timeToLive(lease.id)).ttl).toBe(-1);
  });

  test('a lease that somebody else revokes is lost at the next keep-alive', async () => {
    const lease = await client.keepLease(10_000);
    const lost = new Promise((resolve) => lease.lost.addEventListener('abort', resolve));
    cluster.members[0]?.control('lease', 'revoke', lease.id.toString(16));
    await lost;
    expect(lease.isAlive).toBe(false);
    expect(lease.lost.reason).toMatchObject({
      code: 'EXPIRED',
      message: expect.stringContaining('the server has ended it'),
    });
  });

  test('a signal that aborts ends a read with its reason, and leaves the connection to the others', async () => {
    await expect(client.range({ key: 'a' }, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
    const controller = new AbortController();
    const read = client.range({ key: 'a' }, { signal: controller.signal });
    controller.abort('stop');
    await expect(read).rejects.toBe('stop');
    expect((await client.members()).members).toHaveLength(1);
    expect((await client.status()).version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('a client that was closed refuses calls, ends its watches, and can be closed twice', async () => {
    const own = cluster.client();
    const seen = watched(own, { key: 'a' });
    await seen.created(1);
    own.close();
    own.close();
    expect(await seen.end()).toMatchObject({ code: 'CLOSED' });
    await expect(own.range({ key: 'a' })).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
