import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EtcdEntry } from '../../lib/etcd/store/etcd-entry.ts';
import { Lock } from '../../lib/index.ts';
import type { OwnEntry } from '../../lib/store/store.ts';
import { errorOf, standing } from '../contract/line-watch.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig, settled } from '../support/etcd-store-rig.ts';

const LOCK = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: 'x', onlyIfGranted: false };

describe.skipIf(!HAS_ETCD)('a waiter of the store on etcd', { timeout: 60_000 }, () => {
  const rig = new EtcdStoreRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end(), 60_000);

  const leaseOf = (entry: OwnEntry) => (entry as EtcdEntry).joined?.lease;

  test('whose lease ended while it waited is told so, and is granted nothing when its turn would have come', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const held = await new Lock('deploy', { store: one }).acquire();
    const probe = await other.join('another', LOCK, request);
    const acquire = errorOf(new Lock('deploy', { store: other }).acquire());
    while ((await standing(one, 'deploy')) < 2) await delay(10);
    rig.server.control('lease', 'revoke', (leaseOf(probe)?.id ?? 0n).toString(16));
    await held.release();
    expect(await acquire).toMatchObject({ code: 'EVICTED', resource: 'deploy' });
    expect(await standing(one, 'deploy')).toBe(0);
    // Its session goes on.
    const again = await new Lock('deploy', { store: other }).acquire();
    expect([again.held, again.token > held.token]).toEqual([true, true]);
  });

  test('that waited for half of its lease has nearly all of it before it when it gets in', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const held = await one.join('deploy', LOCK, request);
    const next = await other.join('deploy', LOCK, request);
    const waits = settled(other, next);
    await delay(5_000);
    await one.leave(held);
    expect(await waits).toBe('holding');
    expect(leaseOf(next)?.remainingMs()).toBeGreaterThan(6_000);
  });
});
