import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StoreKeys } from '../../lib/etcd/store/keys.ts';
import { JournalHotSide } from '../../lib/hot/journal-hot-side.ts';
import { Counter } from '../../lib/index.ts';
import { REMEMBERED_IDS } from '../../lib/line/count.ts';
import type { Store } from '../../lib/store/store.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';
import { SilentProxy } from '../support/silent-proxy.ts';

const BOUNDED = { floor: 0, bound: 9 };

describe.skipIf(!HAS_ETCD)('takes on etcd', { timeout: 90_000 }, () => {
  const rig = new EtcdStoreRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end(), 60_000);

  async function proxy(): Promise<SilentProxy> {
    const started = await SilentProxy.start(rig.server.port);
    rig.onEnd(() => started.stop());
    return started;
  }

  describe.each(['isMute', 'isSilent'] as const)('an answer that is lost is asked for again (%s)', (how) => {
    const side = (store: Store) => new JournalHotSide(store, 'seats');
    const CALLS: Array<[what: string, call: (store: Store) => Promise<unknown>, answer: unknown, left: number]> = [
      [
        'a take with an id',
        (store) => new Counter('seats', { store }).take(1, { id: 'b' }),
        { left: 8, sequence: 2 },
        8,
      ],
      ['a take without one', (store) => new Counter('seats', { store }).take(1), { left: 8, sequence: 2 }, 8],
      ['a take that is logged', (store) => side(store).take(2, 'c', BOUNDED), { left: 7, sequence: 2 }, 7],
      ['a load', (store) => side(store).load(5, 'l'), 14, 14],
      ['a trim', (store) => side(store).trim(1), undefined, 9],
      ['a rebuild', (store) => side(store).rebuild({ left: 3, loaded: 9, sequence: 6 }), undefined, 3],
    ];

    test.each(CALLS)('and %s is done once', async (_, call, answer, left) => {
      const cable = await proxy();
      const store = rig.store({ endpoints: `${cable.endpoint},${rig.server.endpoint}` });
      const seats = new Counter('seats', { store });
      await seats.add(10);
      await seats.take(1, { id: 'a' });
      cable[how] = true;
      expect(await call(store)).toEqual(answer);
      expect(await new Counter('seats', { store: rig.store() }).get()).toBe(left);
    });
  });

  test('where no server answers it is an error, and the same id shows later whether it was done', async () => {
    const cable = await proxy();
    const store = rig.store({ endpoints: cable.endpoint });
    const seats = new Counter('seats', { store });
    await seats.add(10);
    cable.isMute = true;
    await expect(seats.take(1, { id: 'a' })).rejects.toMatchObject({ name: 'StoreError', code: 'UNSURE' });
    cable.isMute = false;
    const taken = await new Counter('seats', { store: rig.store() }).take(1, { id: 'a' });
    expect(taken).toEqual({ left: 9, sequence: 1 });
    expect(await seats.take(1, { id: 'a' })).toEqual(taken);
    expect(await seats.get()).toBe(9);
  });

  const keysOf = (name: string) => new StoreKeys(rig.prefix).of(name);

  test('ids and logged takes are no part of the line that waiters read and watch, and end with the name', async () => {
    const [store, client, keys] = [rig.store(), rig.client(), keysOf('seats')];
    rig.onEnd(() => client.close());
    const side = new JournalHotSide(store, 'seats');
    await side.load(10, 'l');
    for (const id of ['a', 'b']) await side.take(1, id, BOUNDED);
    const { kvs } = await client.range(keys.all);
    expect(kvs.map(({ key }) => key.toString())).toEqual([keys.state, keys.at]);
    expect((await client.range({ ...keys.count, keysOnly: true })).count).toBe(7);
    await side.trim(2);
    expect((await client.range({ ...keys.count, keysOnly: true })).count).toBe(5);
    expect(await store.forget('seats')).toBe('forgotten');
    expect((await client.range({ ...keys.count, keysOnly: true })).count).toBe(0);
  });

  test('the last 10,000 ids are remembered, and older ones are swept up by takers', async () => {
    const [store, client, keys] = [rig.store(), rig.client(), keysOf('seats')];
    rig.onEnd(() => client.close());
    const seats = new Counter('seats', { store });
    await seats.add(50_000);
    await seats.take(1, { id: 'order-1' });
    // As if so many more had been taken since.
    const last = Math.ceil(REMEMBERED_IDS / 32) * 32 + 31;
    for (let sequence = 2; sequence <= 80; sequence++) {
      const put = { key: keys.takeId(`order-${sequence}`), value: JSON.stringify([1, 7, sequence]) };
      await client.txn({ success: [{ put }, { put: { key: keys.idAt(sequence), value: `order-${sequence}` } }] });
    }
    const [state] = (await client.range({ key: keys.state })).kvs;
    const changed = JSON.parse(String(state?.value));
    changed.takes.sequence = last;
    await client.put({ key: keys.state, value: JSON.stringify(changed) });
    const oldest = last + 1 - REMEMBERED_IDS;
    const other = new Counter('seats', { store: rig.store() });
    // A program that does nothing else stays until it is answered.
    const taker = rig.program(`
      const { Counter } = await import(LIB + 'index.js');
      console.log((await new Counter('seats', { store }).take(1, { id: 'new' })).sequence);
    `);
    expect(await taker.line()).toBe(String(last + 1));
    const ids = async () =>
      (await client.range({ ...keys.idsUpTo(80), keysOnly: true })).kvs.map(({ key }) => keys.sequenceOf(String(key)));
    expect(await ids()).toEqual(Array.from({ length: 80 - oldest }, (_, at) => oldest + 1 + at));
    expect(await other.take(1, { id: `order-${oldest + 1}` })).toEqual({ left: 7, sequence: oldest + 1 });
    expect(await other.take(1, { id: `order-${oldest}` })).toMatchObject({ sequence: last + 2 });
  });

  test('of a full log no id is swept up', async () => {
    const [store, client, keys] = [rig.store(), rig.client(), keysOf('seats')];
    rig.onEnd(() => client.close());
    const side = new JournalHotSide(store, 'seats');
    await side.load(50_000, 'l');
    await side.take(1, 'order-1', BOUNDED);
    const [state] = (await client.range({ key: keys.state })).kvs;
    const changed = JSON.parse(String(state?.value));
    changed.takes.sequence = 2 * REMEMBERED_IDS - 1 - ((2 * REMEMBERED_IDS) % 32);
    await client.put({ key: keys.state, value: JSON.stringify(changed) });
    const other = new JournalHotSide(rig.store(), 'seats');
    await other.take(1, 'new', BOUNDED);
    expect(await other.take(1, 'order-1', BOUNDED)).toEqual({ left: 49_999, sequence: 1 });
    expect(await other.sales(0, 9)).toMatchObject([{ id: 'order-1' }, { id: 'new' }]);
  });

  test('sales are read in pages, all of one moment', async () => {
    const store = rig.store();
    const client = rig.client();
    rig.onEnd(() => client.close());
    const side = new JournalHotSide(store, 'seats');
    await side.load(10, 'l');
    await side.take(1, 'x', BOUNDED);
    const keys = keysOf('seats');
    for (let from = 2; from <= 2_500; from += 100) {
      const puts = Array.from({ length: 100 }, (_, at) => ({
        put: { key: keys.take(from + at), value: JSON.stringify([`order-${from + at}`, 1, 5, 0]) },
      }));
      await client.txn({ success: puts });
    }
    const sales = await side.sales(1, 2_200);
    expect(sales.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 2_200 }, (_, at) => at + 2));
    expect((await side.sales(2_400, 5_000)).map(({ sequence }) => sequence).at(0)).toBe(2_401);
  });
});
