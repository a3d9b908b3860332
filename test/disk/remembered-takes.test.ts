import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DiskStore } from '../../lib/disk/disk-store.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { highestIn } from '../../lib/journal/epoch-files.ts';
import { REMEMBERED_IDS } from '../../lib/line/count.ts';
import { isTaken } from '../../lib/line/outcome.ts';
import { openDisk, type Parties } from '../contract/parties.ts';

const COUNTER = { kind: 'counter', permits: 1 };
const KIB = 1024;

let parties: Parties;
beforeEach(() => {
  parties = openDisk();
});
afterEach(() => parties.close());

const take = (store: DiskStore, at: number) =>
  store.act('seats', COUNTER, {
    do: 'take',
    n: 1,
    floor: 0,
    id: `0b9e7a1c-order-${String(at).padStart(20, '0')}`,
    bound: null,
  });

const epochOf = (store: DiskStore) => highestIn(nodeHost.files.list(store.directoryOf('seats')) ?? []);

test('a journal that remembers 10,000 ids rotates no more often than it has appended as much as its header, and stays small', () => {
  const one = parties.one as DiskStore;
  one.act('seats', COUNTER, { do: 'add', by: 100_000 });
  for (let at = 0; at < REMEMBERED_IDS; at++) take(one, at);
  const before = epochOf(one);
  for (let at = REMEMBERED_IDS; at < 2 * REMEMBERED_IDS; at++) take(one, at);
  // As many records as ids: each of them is longer than what the header has of it, and less than twice as long.
  expect(epochOf(one) - before).toBeGreaterThan(0);
  expect(epochOf(one) - before).toBeLessThanOrEqual(3);
  const directory = one.directoryOf('seats');
  const sizes = (nodeHost.files.list(directory) ?? []).map(
    (name) => nodeHost.files.look(`${directory}/${name}`)?.size ?? 0,
  );
  expect(sizes).toHaveLength(2);
  expect(Math.max(...sizes)).toBeLessThan(2_000 * KIB);

  // Who comes then knows all of them.
  const other = parties.other as DiskStore;
  const answers = [REMEMBERED_IDS, 2 * REMEMBERED_IDS - 1].map((at) => take(other, at));
  expect(answers.map((answer) => isTaken(answer) && [answer.sequence, answer.isRepeat])).toEqual([
    [REMEMBERED_IDS + 1, true],
    [2 * REMEMBERED_IDS, true],
  ]);
});
