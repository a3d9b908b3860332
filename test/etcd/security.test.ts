import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Credentials } from '../../lib/etcd/client/credentials.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { watched } from '../support/watched.ts';

const PATIENT = { timeoutMs: 30_000 };
/** A token lives for a second after its last use. */
const TOKEN_ARGS = ['--auth-token-ttl=1'];

describe.skipIf(!HAS_ETCD)('with users', { timeout: 90_000 }, () => {
  let cluster: EtcdCluster;

  beforeAll(async () => {
    cluster = await EtcdCluster.startWithUsers(TOKEN_ARGS);
  }, 120_000);
  afterAll(() => cluster?.stop());

  const alice = () => cluster.client(cluster.members, '', new Credentials('alice', 'alice-secret'));

  test('a user reads and writes what the role allows, and is DENIED the rest', async () => {
    const client = alice();
    await client.put({ key: 'alice/a', value: '1' }, PATIENT);
    expect((await client.range({ key: 'alice/a' }, PATIENT)).count).toBe(1);
    await expect(client.put({ key: 'bob/a' }, PATIENT)).rejects.toMatchObject({
      code: 'DENIED',
      message: expect.stringContaining('permission denied'),
    });
    expect(await watched(client, { key: 'bob/a' }).end()).toMatchObject({ code: 'DENIED' });
  });

  test('without a user, or with a wrong password, a call is DENIED', async () => {
    const [nobody, stranger] = [null, new Credentials('alice', 'wrong')].map((one) =>
      cluster.client(cluster.members, '', one),
    );
    await expect(nobody?.put({ key: 'alice/a' }, PATIENT)).rejects.toMatchObject({ code: 'DENIED' });
    await expect(stranger?.put({ key: 'alice/a' }, PATIENT)).rejects.toMatchObject({ code: 'DENIED' });
    expect(await watched(stranger as EtcdClient, { key: 'alice/a' }).end()).toMatchObject({ code: 'DENIED' });
  });

  test('a token that has expired is replaced unseen, for calls and for a watch that begins', async () => {
    const client = alice();
    await client.put({ key: 'alice/b', value: '1' }, PATIENT);
    for (const value of ['2', '3']) {
      // etcd looks for expired tokens once a second.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      if (value === '2') await client.put({ key: 'alice/b', value }, PATIENT);
      const seen = watched(client, { key: 'alice/b' });
      await seen.created(1);
      await client.put({ key: 'alice/b', value }, PATIENT);
      await seen.until(1);
      seen.watch.cancel();
    }
  });

  test('a lease is kept alive beyond the life of the token', async () => {
    const client = alice();
    const lease = await client.keepLease(10_000, PATIENT);
    await client.put({ key: 'alice/leased', lease: lease.id }, PATIENT);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(lease.remainingMs()).toBeGreaterThan(6_000);
    await client.revoke(lease.id, PATIENT);
    expect((await client.range({ key: 'alice/leased' }, PATIENT)).count).toBe(0);
  });
});

describe.skipIf(!HAS_ETCD)('with TLS', { timeout: 90_000 }, () => {
  let directory: string;
  let cluster: EtcdCluster;
  let authority: Authority;
  let own: Certificate;
  const clients: EtcdClient[] = [];

  beforeAll(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-tls-'));
    authority = new Authority(directory);
    const server = authority.issue('server', 'IP:127.0.0.1,DNS:etcd.example');
    own = authority.issue('client', 'DNS:client');
    cluster = await EtcdCluster.start(1, { tls: { ca: authority.ca, ...server }, args: ['--client-cert-auth'] });
  }, 60_000);
  afterAll(async () => {
    await cluster?.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  function client(query: string, host = cluster.members[0]?.endpoint): EtcdClient {
    const made = new EtcdClient(parseEtcdUrl(`etcds://${host}/test?${query}`), { credentials: null });
    clients.push(made);
    return made;
  }

  test('a client with a certificate reads, writes, watches and keeps a lease', async () => {
    const tls = client(`ca=${authority.ca}&cert=${own.cert}&key=${own.key}`);
    await tls.put({ key: 'a', value: '1' }, PATIENT);
    const seen = watched(tls, { key: 'a' });
    await seen.created(1);
    const lease = await tls.keepLease(10_000, PATIENT);
    await tls.put({ key: 'a', value: '2', lease: lease.id }, PATIENT);
    await seen.until(1);
    expect(seen.events[0]?.kv.value.toString()).toBe('2');
  });

  test('a server-name stands for a host that the certificate is not for', async () => {
    const port = cluster.members[0]?.port;
    const files = `ca=${authority.ca}&cert=${own.cert}&key=${own.key}`;
    await client(`${files}&server-name=etcd.example`, `127.0.0.1:${port}`).put({ key: 'b' }, PATIENT);
    await expect(client(`${files}&server-name=other`).put({ key: 'b' }, { timeoutMs: 1_500 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('etcd.example'),
    });
  });

  test.each([
    ['an authority that is not known', () => ''],
    ['no certificate of its own', () => `ca=${authority.ca}`],
  ])('with %s it is UNREACHABLE', async (_, query) => {
    await expect(client(query()).put({ key: 'a' }, { timeoutMs: 1_500 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });

  test('a file that is not there is named at once', () => {
    expect(() => client(`ca=${directory}/none`)).toThrow(`${directory}/none`);
  });
});
