import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { prefixEnd } from '../../lib/etcd/client/kv-messages.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { EtcdCluster, type EtcdServer, HAS_ETCD } from '../support/etcd.ts';
import { SilentProxy } from '../support/silent-proxy.ts';
import { watched } from '../support/watched.ts';

/** Enough for an election on a machine that has much else to do. */
const PATIENT = { timeoutMs: 40_000 };
/** What is noticed within about a second must not take as long as etcd's own timeouts, even on such a machine. */
const SOON_MS = 5_000;

describe.skipIf(!HAS_ETCD)('with three real members', { timeout: 120_000 }, () => {
  let cluster: EtcdCluster;
  const closers: Array<() => unknown> = [];
  let names = 0;
  const fresh = () => `t${names++}/`;
  const members = () => cluster.members as readonly [EtcdServer, EtcdServer, EtcdServer];

  beforeAll(async () => {
    cluster = await EtcdCluster.start(3);
  }, 120_000);
  afterAll(() => cluster?.stop());
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    await cluster.answers();
  }, 120_000);

  /** A client that begins at this member. */
  async function clientAt(first: EtcdServer): Promise<EtcdClient> {
    const client = cluster.client([first, ...members().filter((member) => member !== first)]);
    closers.push(() => client.close());
    await client.status(PATIENT);
    return client;
  }

  async function leader(): Promise<EtcdServer> {
    for (const member of members()) {
      const client = cluster.client([member]);
      const { leader: id, header } = await client.status(PATIENT);
      client.close();
      if (id === header.memberId) return member;
    }
    throw new Error('there is no leader');
  }

  async function follower(): Promise<EtcdServer> {
    const first = await leader();
    return members().find((member) => member !== first) as EtcdServer;
  }

  function stopped(member: EtcdServer): void {
    member.signal('SIGSTOP');
    closers.unshift(() => member.signal('SIGCONT'));
  }

  test('a member that is stopped is left within about a second, by reads, writes, watches and leases alike', async () => {
    const member = await follower();
    const client = await clientAt(member);
    const prefix = fresh();
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix) });
    const lease = await client.keepLease(10_000, PATIENT);
    await seen.created(1);
    await client.put({ key: `${prefix}before`, value: '1' }, PATIENT);
    stopped(member);
    const start = performance.now();
    await client.range({ key: prefix }, PATIENT);
    expect(performance.now() - start).toBeLessThan(SOON_MS);
    await client.put({ key: `${prefix}after`, value: '2', lease: lease.id }, PATIENT);
    await seen.until(2);
    expect(seen.events.map(({ kv }) => kv.value.toString())).toEqual(['1', '2']);
    expect(seen.interruptions.length).toBeGreaterThan(0);
    expect(lease.isAlive).toBe(true);
  });

  test('an idle watch notices that its member is stopped, without any other call', async () => {
    const member = await follower();
    const client = await clientAt(member);
    const other = cluster.client([await leader()]);
    const prefix = fresh();
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix) });
    await seen.created(1);
    stopped(member);
    const start = performance.now();
    await other.put({ key: prefix, value: '1' }, PATIENT);
    await seen.until(1);
    expect(performance.now() - start).toBeLessThan(SOON_MS);
    expect(seen.interruptions[0]?.message).toContain('has not answered a ping');
  });

  test('a write in flight to a member that is stopped is UNSURE soon, and the next one goes elsewhere', async () => {
    const member = await follower();
    const client = await clientAt(member);
    stopped(member);
    const start = performance.now();
    await expect(client.put({ key: fresh() }, PATIENT)).rejects.toMatchObject({ code: 'UNSURE' });
    expect(performance.now() - start).toBeLessThan(SOON_MS);
    await client.put({ key: fresh() }, PATIENT);
  });

  test('a lease outlives its leader, and is never reported as lost while the server keeps it', async () => {
    const first = await leader();
    const client = await clientAt(first);
    const lease = await client.keepLease(10_000, PATIENT);
    stopped(first);
    const start = performance.now();
    while (performance.now() - start < 12_000) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      if (lease.lost.aborted) break;
    }
    expect([lease.lost.aborted, lease.isAlive]).toEqual([false, true]);
    expect((await client.timeToLive(lease.id, {}, PATIENT)).ttl).toBeGreaterThan(0);
  });

  test('a member that is cut off without a word, and put back, is left and returned to', async () => {
    const proxies = [await SilentProxy.start(members()[0].port), await SilentProxy.start(members()[1].port)] as const;
    const url = `etcd://${proxies.map(({ endpoint }) => endpoint).join(',')}/test`;
    const client = new EtcdClient(parseEtcdUrl(url), { credentials: null });
    closers.push(() => client.close(), ...proxies.map((proxy) => () => proxy.stop()));
    const prefix = fresh();
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix) });
    await seen.created(1);
    for (const proxy of [...proxies, ...proxies]) {
      proxy.isSilent = true;
      const start = performance.now();
      await client.put({ key: `${prefix}a`, value: String(start) }, { ...PATIENT, isRepeatable: true });
      expect(performance.now() - start).toBeLessThan(SOON_MS);
      proxy.isSilent = false;
    }
    await seen.until(4);
  });

  test('all members go away and come back: calls that have the time succeed, and a watch misses nothing', async () => {
    const client = await clientAt(members()[1]);
    const prefix = fresh();
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix) });
    await seen.created(1);
    await client.put({ key: `${prefix}a`, value: '1' }, PATIENT);
    await Promise.all(members().map((member) => member.kill()));
    const put = () => client.put({ key: `${prefix}b` }, { timeoutMs: 500 });
    // The first may still have been sent to one that was about to be gone.
    await expect(put()).rejects.toMatchObject({ code: expect.stringMatching(/^(UNREACHABLE|UNSURE)$/) });
    await expect(put()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    const patient = client.put({ key: `${prefix}c`, value: '2' }, PATIENT);
    for (const member of members()) member.start();
    await patient;
    await seen.until(2);
    expect(seen.events.map(({ kv }) => kv.value.toString())).toEqual(['1', '2']);
  });

  test('a watch that was cut off while the revisions were compacted ends with COMPACTED: no event is missed unseen', async () => {
    const proxy = await SilentProxy.start(members()[0].port);
    const client = new EtcdClient(parseEtcdUrl(`etcd://${proxy.endpoint}/test`), { credentials: null });
    closers.push(
      () => client.close(),
      () => proxy.stop(),
    );
    const other = cluster.client([members()[1]]);
    const prefix = fresh();
    const seen = watched(client, { key: prefix, rangeEnd: prefixEnd(prefix) });
    await seen.created(1);
    proxy.isSilent = true;
    await other.put({ key: `${prefix}a` }, PATIENT);
    const { header } = await other.deleteRange({ key: `${prefix}a` }, PATIENT);
    await other.compact({ revision: header.revision }, PATIENT);
    // Until it has noticed: what the proxy has swallowed never arrives.
    while (seen.interruptions.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    proxy.isSilent = false;
    expect(await seen.end()).toMatchObject({ code: 'COMPACTED', compactRevision: header.revision });
  });

  test('whatever happens to a member in the middle of writes, each is done, UNSURE or not done, and is what it says', async () => {
    const client = await clientAt(members()[2]);
    const prefix = fresh();
    const outcomes = new Map<string, string>();
    let isOver = false;
    const writer = async (name: string) => {
      for (let at = 0; !isOver; at++) {
        const key = `${prefix}${name}-${at}`;
        const outcome = await client.put({ key, value: '1' }, { timeoutMs: 3_000 }).then(
          () => 'done',
          (error) => error.code as string,
        );
        outcomes.set(key, outcome);
      }
    };
    const writers = ['a', 'b', 'c', 'd'].map(writer);
    for (const member of [members()[2], members()[0]]) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await member.kill();
      await new Promise((resolve) => setTimeout(resolve, 700));
      member.start();
      await cluster.answers();
    }
    isOver = true;
    await Promise.all(writers);
    const { kvs } = await client.range({ key: prefix, rangeEnd: prefixEnd(prefix), keysOnly: true }, PATIENT);
    const there = new Set(kvs.map(({ key }) => key.toString()));
    const wrong = [...outcomes].filter(([key, outcome]) =>
      outcome === 'done' ? !there.has(key) : outcome === 'UNREACHABLE' ? there.has(key) : outcome !== 'UNSURE',
    );
    expect(wrong).toEqual([]);
    expect([...outcomes.values()].filter((outcome) => outcome === 'done').length).toBeGreaterThan(20);
  });
});
