import { describe } from 'vitest';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { testHotCounter } from './hot-counter-contract.ts';

/** Hot counts whose store is on servers: what is sold there, and the lock of the writers. */
describe.skipIf(!HAS_ETCD)('with a store on etcd', () => {
  let cluster: EtcdCluster;
  const start = async (): Promise<void> => {
    cluster = await EtcdCluster.start();
  };
  const stop = async (): Promise<void> => cluster?.stop();
  const url = (prefix: string): string => `etcd://${cluster.members[0]?.endpoint}/${prefix}?ttl=10s`;

  testHotCounter('etcd', {
    ...{ start, stop },
    options: () => ({ store: url('shop') }),
    // What another prefix has is as good as new.
    lost: async () => ({ store: url('new-shop') }),
  });
});
