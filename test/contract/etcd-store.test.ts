import { afterAll, beforeAll, describe } from 'vitest';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdRig } from './etcd-parties.ts';
import { describeGates } from './gate-contract.ts';
import { describeStore } from './store-contract.ts';

describe.skipIf(!HAS_ETCD)('with a real etcd', () => {
  const rig = new EtcdRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());

  describeStore('the store on etcd', rig.open);
  describeGates('gates on etcd', rig.open);
});
