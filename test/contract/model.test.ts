import { describe } from 'vitest';
import { testModel } from './model-contract.ts';
import { type DiskTraits, openDisk } from './parties.ts';

describe.each<[string, DiskTraits, number]>([
  ['the store on disk', {}, 25],
  ['the store on disk, rotating at every record', { rotateBytes: 1 }, 20],
  ['the store on disk, rotating now and then', { rotateBytes: 1_500 }, 20],
])('%s', (_, traits, numRuns) => {
  const open = () => openDisk({ ...traits, hasLeaps: true });
  testModel(open, { numRuns, knowsReasons: traits.rotateBytes === undefined });
});
