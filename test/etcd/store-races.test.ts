import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { prefixEnd } from '../../lib/etcd/client/kv-messages.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig, settled } from '../support/etcd-store-rig.ts';
import { LateReader } from '../support/late-reader.ts';

const LOCK = { kind: 'lock', permits: 1 };
const TWO = { kind: 'semaphore', permits: 2 };

/** What a session knows of a line may be old: it is not told of what others do while it does not wait. */
describe.skipIf(!HAS_ETCD)('a session that knows a line as it was', { timeout: 60_000 }, () => {
  const rig = new EtcdStoreRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end());

  const request = (ask = 1) => ({ ask, label: 'x', onlyIfGranted: false });
  const attempt = (ask = 1) => ({ ask, label: 'x', onlyIfGranted: true });

  test.each([
    ['a lock', LOCK, 1, 1],
    ['a lock that is shared', LOCK, 0, 1],
    ['a lock that another one shares', LOCK, 1, 0],
    ['a semaphore', TWO, 2, 1],
  ])('does not take what another one holds by now: %s', async (_, config, mine, theirs) => {
    const [one, other] = [rig.store(), rig.store()];
    // Twice: the first time it knows nothing.
    for (let round = 0; round < 2; round++) {
      await one.leave(await one.join('door', config, request(mine)));
      const held = await other.join('door', config, request(theirs));
      expect((await one.join('door', config, attempt(mine))).state).toBe('refused');
      const waits = await one.join('door', config, request(mine));
      expect([held.state, waits.state, waits.waitingBefore]).toEqual(['holding', 'waiting', 0]);
      await other.leave(held);
      expect(await settled(one, waits)).toBe('holding');
      await one.leave(waits);
    }
  });

  test('does not pass one that waits for all permits by now', async () => {
    const [one, other, third] = [rig.store(), rig.store(), rig.store()];
    const held = await one.join('room', TWO, request());
    expect((await other.join('room', TWO, request(2))).state).toBe('waiting');
    expect((await one.join('room', TWO, attempt())).state).toBe('refused');
    expect((await one.join('room', TWO, request())).state).toBe('waiting');
    expect((await third.join('room', TWO, attempt())).state).toBe('refused');
    await one.leave(held);
  });

  test('holds what a server has granted it, also where an older reading arrives before that answer', async () => {
    let client: LateReader | undefined;
    const store = rig.store({
      makeClient: (address) => {
        client = new LateReader(address, { credentials: null });
        return client;
      },
    });
    await store.leave(await store.join('door', LOCK, request()));
    const shared = await store.join('door', LOCK, request(0));
    const waits = await store.join('door', LOCK, request());
    client?.keepNext();
    // It has both, under keys of their own.
    const reading = store.snapshot('door');
    while (!client?.hasKept) await new Promise((resolve) => setTimeout(resolve, 1));
    await store.leave(shared);
    await store.leave(waits);
    client.deliverWithChange(reading);
    const entry = await store.join('door', LOCK, attempt(0));
    expect([entry.state, entry.token > shared.token]).toEqual(['holding', true]);
  });

  test('takes what another one has given back, and what nobody has known of', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const held = await other.join('door', LOCK, request());
    expect((await one.join('door', LOCK, attempt())).state).toBe('refused');
    await other.leave(held);
    const mine = await one.join('door', LOCK, attempt());
    expect(mine.state).toBe('holding');
    await one.leave(mine);
    for (let round = 0; round < 3; round++) {
      const entries = [await one.join('room', TWO, request()), await one.join('room', TWO, request())];
      expect(entries.map(({ state }) => state)).toEqual(['holding', 'holding']);
      for (const entry of entries) await one.leave(entry);
    }
  });

  test('has one lease, also for entries that it asks for at once', async () => {
    const store = rig.store();
    await Promise.all(['a', 'b', 'c'].map((name) => store.join(name, LOCK, request())));
    const client = rig.client();
    const key = `${rig.prefix}/`;
    const { kvs } = await client.range({ key, rangeEnd: prefixEnd(key) });
    client.close();
    const leases = kvs.flatMap((kv) => (kv.key.toString().includes('/line/') ? kv.lease : []));
    expect([leases.length, new Set(leases).size]).toEqual([3, 1]);
  });

  /** As a server may do at a compaction (etcd issue 18089). */
  test('whose watch drops what happens gets in all the same', async () => {
    class Deaf extends EtcdClient {
      override watch(...[options, listener]: Parameters<EtcdClient['watch']>) {
        return super.watch(options, { ...listener, onEvents: () => undefined });
      }
    }
    const deaf = rig.store({ makeClient: (address) => new Deaf(address, { credentials: null }) });
    const other = rig.store();
    const held = await other.join('door', LOCK, request());
    const next = await deaf.join('door', LOCK, request());
    const late = new Promise<string>((resolve) => void setTimeout(resolve, 10_000, 'late').unref());
    const outcome = Promise.race([settled(deaf, next), late]);
    await other.leave(held);
    expect(await outcome).toBe('holding');
  });

  test('replaces no document once its entry was stolen, though it has not heard of that', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const robbed = await one.join('door', LOCK, request());
    await other.join('door', LOCK, { ...request(), steal: true });
    expect(robbed.state).toBe('holding');
    expect(await one.documents.replace(robbed, Buffer.from('{}'), 0)).toBe('lost');
    expect(await other.documents.read('door')).toBeNull();
  });

  test('does not forget a name by its age if somebody used it after the look', async () => {
    const other = rig.store();
    await other.leave(await other.join('door', LOCK, request()));
    class Interrupted extends EtcdClient {
      override async txn(...args: Parameters<EtcdClient['txn']>) {
        const isForgetting = args[0].success?.some(({ deleteRange }) => String(deleteRange?.key).endsWith('/state'));
        if (isForgetting) await other.leave(await other.join('door', LOCK, request()));
        return super.txn(...args);
      }
    }
    const one = rig.store({ makeClient: (address) => new Interrupted(address, { credentials: null }) });
    rig.server.control('put', `${rig.prefix}/door/time`, '1');
    expect(await one.forget('door', { idleMs: 3_600_000 })).toBe('in use');
    expect(await other.names()).toEqual(['door']);
  });

  test('releases nothing that is not its own: neither a thief nor a later entry of the same key', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const robbed = await one.join('door', LOCK, request());
    const thief = await other.join('door', LOCK, { ...request(), steal: true });
    await one.leave(robbed);
    expect(thief.token).toBeGreaterThan(robbed.token);
    expect([robbed.state, robbed.eviction?.reason]).toEqual(['lost', 'stolen']);
    await other.refresh(thief);
    expect(thief.state).toBe('holding');
    // The robbed session's next entry cannot have the key that the thief has.
    const next = await one.join('door', LOCK, request());
    expect(next.state).toBe('waiting');
    await other.leave(thief);
    expect(await settled(one, next)).toBe('holding');
    expect(next.token).toBeGreaterThan(thief.token);
  });

  test('that many want at once lets in one at a time, with tokens that grow, and loses nobody', async () => {
    const stores = Array.from({ length: 4 }, () => rig.store());
    const tokens: number[] = [];
    let inside = 0;
    const visit = async (at: number) => {
      const store = stores[at % stores.length] as (typeof stores)[0];
      const entry = await store.join('door', LOCK, request());
      expect(await settled(store, entry)).toBe('holding');
      inside += 1;
      expect(inside).toBe(1);
      tokens.push(entry.token);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      await store.leave(entry);
      // Some come again at once, and some when all is quiet.
      if (at < 40) await visit(at + 40);
    };
    await Promise.all(Array.from({ length: 40 }, (_, at) => visit(at)));
    expect(tokens).toHaveLength(80);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  test('a barrier that many come to at once lets all in, each with a number of its own', async () => {
    const stores = Array.from({ length: 4 }, () => rig.store());
    const meeting = { kind: 'barrier', permits: 12 };
    const parties = Array.from({ length: 12 }, async (_, at) => {
      const store = stores[at % 4] as (typeof stores)[0];
      const entry = await store.join('start', meeting, request());
      expect(await settled(store, entry)).toBe('holding');
      return entry.waitingBefore;
    });
    expect((await Promise.all(parties)).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, at) => at));
  });

  test('more readers than a transaction has room for are robbed, all of them', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const readers = await Promise.all(Array.from({ length: 90 }, () => one.join('door', LOCK, request(0))));
    const waiter = await one.join('door', LOCK, request());
    const thief = await other.join('door', LOCK, { ...request(), steal: true });
    expect(thief.state).toBe('holding');
    await one.refresh(waiter);
    expect([waiter.state, readers.filter(({ state }) => state === 'lost').length]).toEqual(['waiting', 90]);
    expect((await other.snapshot('door'))?.entries.map(({ state }) => state)).toEqual(['holding', 'waiting']);
  });

  test('more parties than a transaction has room for are ended at once, and nothing is left of them', async () => {
    const [one, other] = [rig.store(), rig.store()];
    const crowd = { kind: 'barrier', permits: 200 };
    const parties = [];
    for (let at = 0; at < 100; at++) parties.push(await one.join('start', crowd, request()));
    expect(await other.act('start', crowd, { do: 'reset' })).toBe(100);
    await one.refresh(parties[0] as (typeof parties)[0]);
    expect(parties.filter(({ state }) => state === 'lost').length).toBe(100);
    expect(await other.snapshot('start')).toMatchObject({ value: 0, entries: [] });
    expect((await other.join('start', crowd, request())).waitingBefore).toBe(0);
    const client = rig.client();
    const line = { key: `${rig.prefix}/start/line/`, rangeEnd: `${rig.prefix}/start/line0` };
    while ((await client.range(line)).kvs.length > 1) await new Promise((resolve) => setTimeout(resolve, 20));
    client.close();
  });
});
