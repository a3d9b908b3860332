import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LeaseLostError } from '../../lib/errors.ts';
import type { CallOptions } from '../../lib/etcd/client/caller.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { EtcdError } from '../../lib/etcd/client/etcd-error.ts';
import type { TxnRequest, TxnResponse } from '../../lib/etcd/client/txn-messages.ts';
import { type EtcdAddress, parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import type { EtcdEntry } from '../../lib/etcd/store/etcd-entry.ts';
import type { EtcdStore } from '../../lib/etcd/store/etcd-store.ts';
import { StoreKeys } from '../../lib/etcd/store/keys.ts';
import { Queue } from '../../lib/index.ts';
import { REMEMBERED_PUTS } from '../../lib/line/items.ts';
import type { QueueItem } from '../../lib/primitives/queue-item.ts';
import type { Store } from '../../lib/store/store.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';
import { SilentProxy } from '../support/silent-proxy.ts';

/** A client one of whose changes is held up: something else happens first, or no answer comes in time. */
class SlowClient extends EtcdClient {
  #first: (() => Promise<unknown>) | null = null;
  #late: TxnRequest | null = null;

  constructor(address: EtcdAddress) {
    super(address, { credentials: null });
  }

  /** Before the next change arrives. */
  before(first: () => Promise<unknown>): void {
    this.#first = first;
  }

  /** The next change has no answer, and does not arrive before `passOn`. */
  delayNext(): void {
    this.before(() => Promise.reject(new EtcdError('UNSURE', 'it hangs', { operation: 'transaction' })));
  }

  passOn(): Promise<TxnResponse> {
    return super.txn(this.#late ?? {});
  }

  override async txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    const first = request.compare ? this.#first : null;
    if (first) {
      this.#first = null;
      this.#late = request;
      await first();
    }
    return super.txn(request, options);
  }
}

describe.skipIf(!HAS_ETCD)('queues on etcd', { timeout: 90_000 }, () => {
  const rig = new EtcdStoreRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end(), 60_000);

  const queueOf = (store: Store = rig.store()) => new Queue<unknown>('todo', { store });
  const revokeLeaseOf = async (store: EtcdStore) =>
    rig.server.control('lease', 'revoke', ((store.held()[0] as EtcdEntry).leaseId ?? 0n).toString(16));
  /** Changes nothing: a look at the line alone would give to those that wait what is queued. */
  const until = async (are: (states: string[]) => boolean) => {
    const store = rig.store();
    for (;;) {
      const [line] = await store.snapshots(['todo']);
      if (are(line?.entries.map(({ state }) => state) ?? [])) return;
      await delay(5);
    }
  };
  const untilWaiting = (many: number) => until((all) => all.filter((state) => state === 'waiting').length >= many);
  const untilTaken = (many: number) => until((all) => all.filter((state) => state === 'holding').length >= many);

  async function proxy(): Promise<SilentProxy> {
    const started = await SilentProxy.start(rig.server.port);
    rig.onEnd(() => started.stop());
    return started;
  }

  function slow(): [SlowClient, EtcdStore] {
    const client = new SlowClient(parseEtcdUrl(rig.url()));
    return [client, rig.store({ makeClient: () => client })];
  }

  const TAKER = `
    const { Queue } = await import(new URL('index.js', LIB));
    const item = await new Queue('todo', { store }).get();
    console.log(item.value);
    await order();`;

  describe('the item of a taker', () => {
    test('that is killed goes to a waiter of the same machine at once, and to no one else', async () => {
      await queueOf().put('a');
      const taker = rig.program(TAKER);
      expect(await taker.line()).toBe('a');
      const waiting = queueOf().get();
      await untilWaiting(1);
      const begun = performance.now();
      await taker.end('SIGKILL');
      expect(await waiting).toMatchObject({ value: 'a', attempt: 2 });
      // Far from the ten seconds of its lease.
      expect(performance.now() - begun).toBeLessThan(5_000);
      expect(await queueOf().status()).toEqual({ queued: 0, taken: 1, waiting: 0 });
    });

    test('whose lease is revoked goes to a waiter, and the taker learns that it lost it, and ends nothing', async () => {
      const one = rig.store();
      await queueOf(one).put('a');
      const lost = await queueOf(one).get();
      const aborted = new Promise((resolve) => lost.signal.addEventListener('abort', resolve));
      const waiting = queueOf().get();
      await untilWaiting(1);
      await revokeLeaseOf(one);
      const again = await waiting;
      await aborted;
      await expect(lost.done()).rejects.toThrow(LeaseLostError);
      expect(await queueOf().status()).toEqual({ queued: 0, taken: 1, waiting: 0 });
      await again.done();
    });

    test('whose lease has ended is queued to all that look, also where nobody waits and nobody has written it down', async () => {
      const one = rig.store();
      for (const value of ['a', 'b']) await queueOf(one).put(value);
      await queueOf(one).get();
      await revokeLeaseOf(one);
      const looker = rig.store();
      // A cut changes nothing.
      expect(await looker.snapshots(['todo'])).toMatchObject([{ value: 2, entries: [] }]);
      expect(await queueOf().tryGet()).toMatchObject({ value: 'a', attempt: 2 });
      expect(await queueOf().tryGet()).toMatchObject({ value: 'b', attempt: 1 });
    });

    test('that ends with its program is given back, without a wait for the lease', async () => {
      await queueOf().put('a');
      const taker = rig.program(TAKER.replace('await order();', 'process.exit(0);'));
      expect(await taker.line()).toBe('a');
      await taker.exited;
      expect(await queueOf().tryGet()).toMatchObject({ value: 'a', attempt: 2 });
    });
  });

  test('a waiter whose lease has ended is given nothing: the item goes to the next one', async () => {
    const one = rig.store();
    const lost = queueOf(one).get();
    const rejected = expect(lost).rejects.toThrow('the lease of its session');
    await untilWaiting(1);
    const next = queueOf().get();
    await untilWaiting(2);
    const putter = rig.store();
    // It knows the line with both of them.
    await queueOf(putter).status();
    await one.close();
    await rejected;
    await queueOf(putter).put('a');
    expect(await next).toMatchObject({ value: 'a', attempt: 1 });
  });

  describe.each(['isMute', 'isSilent'] as const)('an answer that is lost is asked for again (%s)', (how) => {
    const CALLS: Array<[what: string, call: (queue: Queue<unknown>) => Promise<unknown>, status: object]> = [
      ['a put with an id', (queue) => queue.put('b', { id: 'b' }), { queued: 2, taken: 1, waiting: 0 }],
      ['a put without one', (queue) => queue.put('b'), { queued: 2, taken: 1, waiting: 0 }],
      ['a get', (queue) => queue.get(), { queued: 0, taken: 2, waiting: 0 }],
    ];
    const begun = async () => {
      const cable = await proxy();
      const queue = queueOf(rig.store({ endpoints: `${cable.endpoint},${rig.server.endpoint}` }));
      await queue.put('x');
      const taken = await queue.get();
      await queue.put('y');
      cable[how] = true;
      return { queue, taken };
    };

    test.each(CALLS)('and %s is done once', async (_, call, status) => {
      const { queue } = await begun();
      await call(queue);
      expect(await queueOf().status()).toEqual(status);
    });

    test('and what is done is done, and is no loss', async () => {
      const { taken } = await begun();
      await taken.done();
      expect(await queueOf().status()).toEqual({ queued: 1, taken: 0, waiting: 0 });
    });
  });

  describe('what is sent, and comes late', () => {
    test('of a put without an id is not done once more, when it was repeated', async () => {
      const [client, store] = slow();
      await queueOf(store).put('a');
      client.delayNext();
      expect(await queueOf(store).put('b')).toBe(2);
      expect((await client.passOn()).succeeded).toBe(false);
      expect(await queueOf().size()).toBe(2);
    });

    test('or was done before the repetition is it, also if others have put meanwhile', async () => {
      const [client, store] = slow();
      await queueOf(store).put('a');
      client.before(async () => {
        await client.passOn();
        await queueOf().put('of another one');
        throw new EtcdError('UNSURE', 'its answer is lost', { operation: 'transaction' });
      });
      expect(await queueOf(store).put('b')).toBe(2);
      expect(await queueOf().size()).toBe(3);
    });

    test('of a put that may have been taken and finished meanwhile is an error, and puts nothing twice', async () => {
      const [client, store] = slow();
      await queueOf(store).put('a');
      await (await queueOf().get()).done();
      await queueOf(store).status();
      client.before(async () => {
        await client.passOn();
        await (await queueOf().get()).done();
        throw new EtcdError('UNSURE', 'its answer is lost', { operation: 'transaction' });
      });
      await expect(queueOf(store).put('b')).rejects.toMatchObject({ name: 'StoreError', code: 'UNSURE' });
      expect(await queueOf().status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
    });

    test('of a done whose item another one has taken and finished meanwhile is a loss', async () => {
      const [client, store] = slow();
      await queueOf(store).put('a');
      const item = await queueOf(store).get();
      client.before(async () => {
        await revokeLeaseOf(store);
        await (await queueOf().get()).done();
      });
      await expect(item.done()).rejects.toThrow(LeaseLostError);
      expect(await queueOf().status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
    });

    test('of an item that was read before another one took it gives it to nobody twice', async () => {
      const [client, store] = slow();
      for (const value of ['a', 'b']) await queueOf(store).put(value);
      client.before(async () => void (await queueOf().get()));
      expect((await queueOf(store).get()).value).toBe('b');
    });

    test('of a get does not overtake a waiter who came meanwhile, though nothing was given to that one yet', async () => {
      const [[client, store], [otherClient, other]] = [slow(), slow()];
      await queueOf(store).put('x');
      await (await queueOf(store).get()).done();
      // It knows the queue as it was before the next item.
      await queueOf(other).status();
      await queueOf(store).put('a');
      let open = () => {};
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      let first: Promise<QueueItem<unknown>> | null = null;
      client.before(async () => {
        // It joins, and what it would do next is held up.
        otherClient.before(async () => otherClient.before(() => gate));
        first = queueOf(other).get();
        await untilWaiting(1);
      });
      const second = queueOf(store).get();
      await untilTaken(1);
      open();
      await queueOf().put('b');
      const items = [await (first as Promise<QueueItem<unknown>> | null), await second];
      expect(items.map((item) => item?.value)).toEqual(['a', 'b']);
      expect(items[1]?.token).toBeGreaterThan(items[0]?.token ?? 0);
    });
  });

  test('a waiter that has not heard of an item, and never will, by a compaction, gets it all the same', async () => {
    const cable = await proxy();
    const waiting = queueOf(rig.store({ endpoints: cable.endpoint })).get();
    await untilWaiting(1);
    cable.isSilent = true;
    await queueOf().put('a');
    const client = rig.client();
    const { header } = await client.put({ key: `${rig.prefix}/x`, value: '' });
    await client.compact({ revision: header.revision, physical: true });
    client.close();
    await delay(1_500);
    cable.isSilent = false;
    expect((await waiting).value).toBe('a');
  });

  test('sessions that put, take, give back and lose their leases at the same time have each item done once', async () => {
    const values = Array.from({ length: 60 }, (_, at) => at);
    const producers = [queueOf(), queueOf(), queueOf()];
    const done: unknown[] = [];
    const stores = [rig.store(), rig.store(), rig.store(), rig.store()];
    const ends = new AbortController();
    let count = 0;
    const consumers = stores.map(async (store) => {
      const queue = queueOf(store);
      while (!ends.signal.aborted) {
        const item = await queue.get({ signal: ends.signal }).catch(() => null);
        if (item === null) continue;
        count += 1;
        if (count % 7 === 0) await item.giveBack();
        else if (count % 11 === 0) await revokeLeaseOf(store).catch(() => undefined);
        else
          await item.done().then(
            () => done.push(item.value),
            () => undefined,
          );
      }
    });
    await Promise.all(values.map((value) => producers[value % 3]?.put(value)));
    await queueOf().join();
    ends.abort();
    await Promise.all(consumers);
    expect([...done].sort((a, b) => Number(a) - Number(b))).toEqual(values);
  });

  const keysOf = (name: string) => new StoreKeys(rig.prefix).of(name);

  test('items and ids are no part of the line that waiters read and watch, and end with the item, and the name', async () => {
    const [store, client, keys] = [rig.store(), rig.client(), keysOf('todo')];
    rig.onEnd(() => client.close());
    const queue = queueOf(store);
    for (const id of ['a', 'b']) await queue.put('x'.repeat(50_000), { id });
    const { kvs } = await client.range(keys.all);
    expect(kvs.map(({ key }) => key.toString())).toEqual([keys.state, keys.at]);
    expect(kvs.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThan(500);
    const count = async () => (await client.range({ ...keys.items, keysOnly: true })).count;
    expect(await count()).toBe(6);
    for (const _ of ['a', 'b']) await (await queue.get()).done();
    expect(await count()).toBe(4);
    expect(await store.forget('todo')).toBe('forgotten');
    expect(await count()).toBe(0);
    expect((await client.range({ ...keys.all, keysOnly: true })).count).toBe(0);
  });

  test('the last 10,000 ids are remembered, and older ones are swept up by those who put', async () => {
    const [store, client, keys] = [rig.store(), rig.client(), keysOf('todo')];
    rig.onEnd(() => client.close());
    await queueOf(store).put('x', { id: 'order-1' });
    // As if so many more had been put since.
    const last = Math.ceil(REMEMBERED_PUTS / 32) * 32 + 31;
    for (let number = 2; number <= 80; number++) {
      const put = { key: keys.putId(`order-${number}`), value: String(number) };
      await client.txn({ success: [{ put }, { put: { key: keys.putAt(number), value: `order-${number}` } }] });
    }
    const [state] = (await client.range({ key: keys.state })).kvs;
    const changed = JSON.parse(String(state?.value));
    changed.queue[0] = last;
    changed.queue[5] = last;
    await client.put({ key: keys.state, value: JSON.stringify(changed) });
    const oldest = last + 1 - REMEMBERED_PUTS;
    const other = queueOf();
    // A program that does nothing else stays until it is answered.
    const putter = rig.program(`
      const { Queue } = await import(LIB + 'index.js');
      console.log(await new Queue('todo', { store }).put('y', { id: 'new' }));
    `);
    expect(await putter.line()).toBe(String(last + 1));
    const ids = async () =>
      (await client.range({ ...keys.putsUpTo(80), keysOnly: true })).kvs.map(({ key }) => keys.sequenceOf(String(key)));
    expect(await ids()).toEqual(Array.from({ length: 80 - oldest }, (_, at) => oldest + 1 + at));
    expect(await other.put('x', { id: `order-${oldest + 1}` })).toBe(oldest + 1);
    expect(await other.put('x', { id: `order-${oldest}` })).toBe(last + 2);
  });

  test('what another program has put there is no item: whoever takes it says so, and it stays', async () => {
    const client = rig.client();
    rig.onEnd(() => client.close());
    await queueOf().put('x');
    await client.put({ key: keysOf('todo').item(1), value: 'scribble' });
    await expect(queueOf().get()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(await queueOf().size()).toBe(1);
  });
});

describe.skipIf(!HAS_ETCD)('queues on three members', { timeout: 120_000 }, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(3);
  }, 90_000);
  afterAll(() => cluster.stop());

  test('of which one is stopped meanwhile: every item is done, and none is put twice', async () => {
    const endpoints = cluster.members.map(({ endpoint }) => endpoint).join();
    const { openEtcdStore } = await import('../../lib/etcd/open-etcd-store.ts');
    const stores = [0, 1, 2].map(() => openEtcdStore(`etcd://${endpoints}/t?ttl=10s`));
    const [putter, taker, other] = stores.map((store) => new Queue<number>('todo', { store })) as [
      Queue<number>,
      Queue<number>,
      Queue<number>,
    ];
    const done: number[] = [];
    const ends = new AbortController();
    const run = (queue: Queue<number>) => queue.run((value) => void done.push(value), { signal: ends.signal });
    const runs = [run(taker), run(other)];
    for (let value = 0; value < 30; value++) {
      if (value === 10) cluster.members[0]?.signal('SIGSTOP');
      await putter.put(value);
    }
    await putter.join();
    cluster.members[0]?.signal('SIGCONT');
    ends.abort();
    await Promise.all(runs);
    for (const store of stores) await store.close();
    expect(new Set(done)).toEqual(new Set(Array.from({ length: 30 }, (_, at) => at)));
  });
});
