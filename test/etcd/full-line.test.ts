import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAX_LINE } from '../../lib/etcd/store/joining.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';

const LOCK = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: 'test', onlyIfGranted: false };
const FULL = { code: 'STORE_BUSY', message: 'a: its line is full (16,384 entries). Try again when it is shorter.' };
/** A server takes 128 operations in a transaction. */
const AT_ONCE = 128;

const rig = new EtcdStoreRig();
beforeAll(() => rig.start(), 90_000);
afterAll(() => rig.stop());
beforeEach(() => rig.begin());
afterEach(() => rig.end());

/** Entries of another program, which nobody judges. */
async function fill(from: number, to: number): Promise<void> {
  const client = rig.client();
  for (let at = from; at < to; at += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, to - at) }, (_, more) => at + more);
    await client.txn({ success: numbers.map((one) => ({ put: { key: `${rig.prefix}/a/line/x${one}`, value: '' } })) });
  }
  client.close();
}

const lengthOf = () =>
  rig.server.control('get', '--prefix', '--keys-only', `${rig.prefix}/a/line/`).split('\n').filter(Boolean).length;

describe.skipIf(!HAS_ETCD)('a line on etcd', { timeout: 60_000 }, () => {
  test('that has as many entries as it may have takes no more, and the last one that has room', async () => {
    const store = rig.store();
    await store.leave(await store.join('a', LOCK, request));
    await fill(0, MAX_LINE - 1);
    expect((await store.join('a', LOCK, request)).state).toBe('waiting');
    await expect(store.join('a', LOCK, request)).rejects.toMatchObject(FULL);
    // This one knows nothing of the line before it is in it.
    await expect(rig.store().join('a', LOCK, request)).rejects.toMatchObject(FULL);
    expect(lengthOf()).toBe(MAX_LINE);
  });

  test('that is shorter again takes those whom it refused', async () => {
    const store = rig.store();
    await store.leave(await store.join('a', LOCK, request));
    await fill(0, MAX_LINE);
    await expect(store.join('a', LOCK, request)).rejects.toMatchObject(FULL);
    rig.server.control('del', '--prefix', `${rig.prefix}/a/line/x`);
    expect((await store.join('a', LOCK, request)).state).toBe('holding');
  });
});
