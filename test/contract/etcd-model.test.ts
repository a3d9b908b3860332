import { afterAll, beforeAll, describe } from 'vitest';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdRig } from './etcd-parties.ts';
import { testModel } from './model-contract.ts';

describe.skipIf(!HAS_ETCD)('the store on etcd', () => {
  const rig = new EtcdRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());

  testModel(rig.open, { numRuns: 10, knowsReasons: true, evictsTogether: true });
});
