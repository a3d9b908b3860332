import { afterAll, beforeAll, describe } from 'vitest';
import { HAS_ETCD } from '../support/etcd.ts';
import { describePatience } from './deadlock-contract.ts';
import { EtcdRig } from './etcd-parties.ts';
import { describePrimitives } from './primitives-contract.ts';

describe.skipIf(!HAS_ETCD)('with a real etcd', () => {
  const rig = new EtcdRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());

  describePrimitives('on etcd', rig.open);
  describePatience('on etcd', rig.open);
});
