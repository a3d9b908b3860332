import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { testCrashes } from './crashes.ts';
import { HotRig } from './hot-rig.ts';
import { Sale } from './sale.ts';

describe.skipIf(!HAS_ETCD)('a sale with a store on etcd, written back to SQLite', () => {
  let cluster: EtcdCluster;
  let serial = 0;
  let rig: HotRig;
  let sale: Sale;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster?.stop());
  beforeEach(() => {
    serial += 1;
    rig = new HotRig(`etcd://${cluster.members[0]?.endpoint}/sale${serial}?ttl=10s`);
    sale = new Sale(rig, rig.sqlite(), { tickets: 120, maxLog: 12, place: rig.path('shop.sqlite') });
  });
  afterEach(async () => {
    await sale.end();
    await rig.end();
  });
  testCrashes(() => sale);
});
