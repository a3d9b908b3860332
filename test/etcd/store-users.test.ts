import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Credentials } from '../../lib/etcd/client/credentials.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { EtcdStore } from '../../lib/etcd/store/etcd-store.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Lock } from '../../lib/index.ts';
import { Session } from '../../lib/session/session.ts';
import { errorOf } from '../contract/line-watch.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { KEEPER, settled } from '../support/etcd-store-rig.ts';

/** A token lives for a second after its last use, and etcd looks for those that are over once a second. */
const TOKEN_ARGS = ['--auth-token-ttl=1'];
const TOKEN_IS_OVER_MS = 3_500;
const LOCK = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: 'x', onlyIfGranted: false };

describe.skipIf(!HAS_ETCD)('the store of a user of etcd', { timeout: 90_000 }, () => {
  let cluster: EtcdCluster;
  const stores: EtcdStore[] = [];

  beforeAll(async () => {
    cluster = await EtcdCluster.startWithUsers(TOKEN_ARGS);
  }, 120_000);
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });
  afterAll(() => cluster?.stop());

  /** A session of its own. */
  function store({ prefix = 'alice', password = 'alice-secret' } = {}): EtcdStore {
    const address = parseEtcdUrl(`etcd://alice@${cluster.members[0]?.endpoint}/${prefix}?ttl=10s`);
    const credentials = new Credentials('alice', password);
    const client = new EtcdClient(address, { credentials });
    const session = new Session(nodeHost);
    const made = new EtcdStore({ client, address, credentials, host: nodeHost, session, keeperFile: KEEPER });
    stores.push(made);
    return made;
  }

  test('a waiter whose token expires while it waits gets in, and its holder keeps the lock until then', async () => {
    const [one, other] = [store(), store()];
    const lease = await new Lock('deploy', { store: one }).acquire();
    const next = await other.join('deploy', LOCK, request);
    const waits = settled(other, next);
    await delay(TOKEN_IS_OVER_MS);
    expect([lease.held, next.state]).toEqual([true, 'waiting']);
    await lease.release();
    expect(await waits).toBe('holding');
  });

  test('a server that is started anew knows no token: a holder keeps its lock, and its waiter gets in', async () => {
    const [one, other] = [store(), store()];
    const lease = await new Lock('deploy', { store: one }).acquire();
    const next = await other.join('deploy', LOCK, request);
    const waits = settled(other, next);
    await cluster.members[0]?.kill();
    cluster.members[0]?.start();
    await delay(TOKEN_IS_OVER_MS);
    expect([lease.held, next.state]).toEqual([true, 'waiting']);
    await lease.release();
    expect(await waits).toBe('holding');
  });

  test('a wrong password, and keys that the role does not grant, are DENIED at once, in words without the password', async () => {
    for (const [traits, remedy] of [
      [
        { password: 'wrong-secret' },
        'Check the user in the URL, and the password ($LOCKSTEP_ETCD_PASSWORD or its file).',
      ],
      [{ prefix: 'bob' }, "Grant the user's role these keys (etcdctl role grant-permission)."],
    ] as const) {
      const error = await errorOf(new Lock('deploy', { store: store(traits) }).acquire());
      expect(error).toMatchObject({ code: 'DENIED', resource: 'deploy', message: expect.stringContaining(remedy) });
      expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toMatch(/(wrong|alice)-secret/);
    }
  });
});
