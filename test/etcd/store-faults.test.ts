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
import { bootMs } from '../../lib/host/boot-clock.ts';
import { Lock } from '../../lib/index.ts';
import type { OwnEntry } from '../../lib/store/store.ts';
import { errorOf, lineWhere, standing } from '../contract/line-watch.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig, settled } from '../support/etcd-store-rig.ts';
import { SilentProxy } from '../support/silent-proxy.ts';

/** A client one of whose changes hangs on its way: it is passed on when nobody waits for its answer any more. */
class LateClient extends EtcdClient {
  #isDelaying = false;
  #delayed: TxnRequest | null = null;

  delayNext(): void {
    this.#isDelaying = true;
  }

  passOn(): Promise<TxnResponse> {
    return super.txn(this.#delayed ?? {});
  }

  override txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    if (!this.#isDelaying) return super.txn(request, options);
    this.#isDelaying = false;
    this.#delayed = request;
    return Promise.reject(new EtcdError('UNSURE', 'it hangs', { operation: 'transaction' }));
  }
}

const LOCK = { kind: 'lock', permits: 1 };
const QUEUE = { kind: 'condition', permits: 1 };
const MEETING = { kind: 'barrier', permits: 3 };
/** Far from the ten seconds of a lease, also on a machine that has much else to do. */
const SOON_MS = 5_000;

describe.skipIf(!HAS_ETCD)('the store on etcd, when something goes wrong', { timeout: 90_000 }, () => {
  const rig = new EtcdStoreRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end(), 60_000);

  const request = { ask: 1, label: 'x', onlyIfGranted: false };
  const attempt = { ...request, onlyIfGranted: true };
  const keyOf = (entry: OwnEntry) => (entry as EtcdEntry).joined?.entry.key ?? '';
  const leaseOf = (entry: OwnEntry) => ((entry as EtcdEntry).joined?.lease.id ?? 0n).toString(16);
  const revoke = (entry: OwnEntry) => rig.server.control('lease', 'revoke', leaseOf(entry));
  /** What an entry is by now. */
  const stateOf = async (store: EtcdStore, entry: OwnEntry) => {
    await store.refresh(entry);
    return entry.state;
  };

  async function proxy(): Promise<SilentProxy> {
    const started = await SilentProxy.start(rig.server.port);
    rig.onEnd(() => started.stop());
    return started;
  }

  describe('a lease that is revoked', () => {
    test('ends all that was under it, and the session goes on with another one', async () => {
      const [one, other] = [rig.store(), rig.store()];
      const lease = await new Lock('deploy', { store: one }).acquire();
      const aborted = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
      const next = await other.join('deploy', LOCK, request);
      revoke(one.held()[0] as OwnEntry);
      expect(await settled(other, next)).toBe('holding');
      await aborted;
      expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
      expect([lease.held, one.held()]).toEqual([false, []]);
      const again = await one.join('another', LOCK, request);
      expect([again.state, next.token > lease.token]).toEqual(['holding', true]);
    });

    test('of a waiter that was woken passes the wake-up on to the next one', async () => {
      const [one, other] = [rig.store(), rig.store()];
      const woken = await one.join('queue', QUEUE, request);
      const next = await other.join('queue', QUEUE, request);
      const last = await other.join('queue', QUEUE, request);
      expect(await other.act('queue', QUEUE, { do: 'notify', count: 1 })).toBe(1);
      expect(await stateOf(one, woken)).toBe('holding');
      const waits = settled(other, next);
      revoke(woken);
      expect(await waits).toBe('holding');
      expect(await stateOf(other, last)).toBe('waiting');
    });

    test('of one that waits at a barrier breaks it', async () => {
      const [one, other] = [rig.store(), rig.store()];
      const patient = await one.join('start', MEETING, request);
      const gone = await other.join('start', MEETING, request);
      const waits = settled(one, patient);
      revoke(gone);
      expect(await waits).toBe('lost');
      expect(patient.eviction?.reason).toContain('its lease has ended');
      expect((await one.join('start', MEETING, request)).state).toBe('refused');
    });

    test('that ends before a newcomer comes breaks the barrier for that one, too', async () => {
      const [one, other, third] = [rig.store(), rig.store(), rig.store()];
      await one.join('start', MEETING, request);
      revoke(await other.join('start', MEETING, request));
      expect((await third.join('start', MEETING, request)).state).toBe('refused');
    });
  });

  describe('a process that is killed', () => {
    const HOLDS = `
      const entry = await store.join('deploy', LOCK, request);
      console.log(entry.state, entry.token);
      await order();
      await store.leave(entry);
      console.log(entry.state);
      process.exit();`;

    test('is followed by a waiter of the same machine at once, long before its lease ends', async () => {
      const store = rig.store();
      const holder = rig.program(HOLDS);
      expect(await holder.line()).toMatch(/^holding/);
      const next = await store.join('deploy', LOCK, request);
      const waits = settled(store, next);
      await holder.end('SIGKILL');
      const start = performance.now();
      expect(await waits).toBe('holding');
      expect(performance.now() - start).toBeLessThan(SOON_MS);
    });

    test('that only ends leaves nothing in line, also where it released nothing', async () => {
      const store = rig.store();
      const holder = rig.program(`
        console.log((await store.join('deploy', LOCK, request)).state);`);
      expect(await holder.line()).toBe('holding');
      await holder.exited;
      expect(await standing(store, 'deploy')).toBe(0);
    });

    test('is not kept alive by its watch for a loss, and nothing is thrown into it, where its server is gone', async () => {
      const cable = await proxy();
      const holder = rig.program(
        `const entry = await store.join('deploy', LOCK, request);
        void store.changed(entry, { timeoutMs: 600_000, keepAlive: false });
        console.log(entry.state);
        await order();
        process.stdin.destroy();`,
        cable.endpoint,
      );
      expect(await holder.line()).toBe('holding');
      cable.isSilent = true;
      const start = performance.now();
      holder.order('end');
      expect([await holder.line(), await holder.exited]).toEqual([undefined, [0, null]]);
      expect(performance.now() - start).toBeLessThan(2 * SOON_MS);
    });

    test('leaves the lock to the process that adopted it, until that ends, too', async () => {
      const store = rig.store();
      const child = rig.program('await order();');
      const holder = rig.program(`
        const entry = await store.join('deploy', LOCK, request);
        console.log(await store.adopt(entry, ${child.pid}, { handOver: false }), entry.state);
        await order();`);
      expect(await holder.line()).toBe('true holding');
      await holder.end('SIGKILL');
      const next = await store.join('deploy', LOCK, request);
      const waits = settled(store, next);
      // Twice as long as until a waiter judges those before it, and a keeper its owners.
      await delay(500);
      expect(await stateOf(store, next)).toBe('waiting');
      expect((await store.snapshot('deploy'))?.entries[0]?.owners.map(({ gone }) => gone !== null)).toEqual([
        true,
        false,
      ]);
      await child.end('SIGKILL');
      expect(await waits).toBe('holding');
    });

    test('leaves what it had handed over, in a line in which nobody of this machine waits', async () => {
      const store = rig.store();
      const child = rig.program('await order();');
      const holder = rig.program(`
        const entry = await store.join('deploy', LOCK, request);
        console.log(await store.adopt(entry, ${child.pid}, { handOver: true }), entry.state);`);
      expect(await holder.line()).toBe('true handed over');
      await holder.exited;
      expect(await standing(store, 'deploy')).toBe(1);
      await child.end('SIGKILL');
      // Its keeper ends it, and no waiter.
      const client = rig.client();
      const isThere = async () =>
        (await client.range({ key: `${rig.prefix}/deploy/line/`, rangeEnd: `${rig.prefix}/deploy/line0` })).kvs.length;
      while ((await isThere()) > 0) await delay(20);
      client.close();
    });
  });

  describe('a server', () => {
    test('that is stopped and goes on takes nothing from a holder, nor from its waiter', async () => {
      const [one, other] = [rig.store(), rig.store()];
      const held = await one.join('deploy', LOCK, request);
      const next = await other.join('deploy', LOCK, request);
      const waits = settled(other, next);
      rig.server.signal('SIGSTOP');
      await delay(2_500);
      rig.server.signal('SIGCONT');
      expect(await stateOf(one, held)).toBe('holding');
      expect(next.state).toBe('waiting');
      await one.leave(held);
      expect(await waits).toBe('holding');
    });

    test('that is killed and started again has the same line', async () => {
      const [one, other] = [rig.store(), rig.store()];
      const held = await one.join('deploy', LOCK, request);
      const next = await other.join('deploy', LOCK, request);
      const waits = settled(other, next);
      await rig.server.kill();
      const error = await errorOf(one.join('elsewhere', LOCK, request));
      expect(error).toMatchObject({ name: 'StoreError', resource: 'elsewhere', operation: 'acquire' });
      expect(['UNREACHABLE', 'UNSURE']).toContain((error as { code?: string }).code);
      rig.server.start();
      await one.leave(held);
      expect(await waits).toBe('holding');
      expect(await standing(one, 'elsewhere')).toBe(0);
    });

    test('that drops what a waiter has not yet heard, by compaction, lets it in all the same', async () => {
      const cable = await proxy();
      const [one, other] = [rig.store(), rig.store({ endpoints: cable.endpoint })];
      const held = await one.join('deploy', LOCK, request);
      const next = await other.join('deploy', LOCK, request);
      const waits = settled(other, next);
      cable.isSilent = true;
      await one.leave(held);
      const client = rig.client();
      const { header } = await client.put({ key: `${rig.prefix}/x`, value: '' });
      await client.compact({ revision: header.revision, physical: true });
      client.close();
      await delay(1_500);
      cable.isSilent = false;
      expect(await waits).toBe('holding');
    });
  });

  describe('a request whose answer is lost', () => {
    test('was done: its entry is found, and it is there once', async () => {
      const cable = await proxy();
      const store = rig.store({ endpoints: `${cable.endpoint},${rig.server.endpoint}` });
      await store.leave(await store.join('deploy', LOCK, request));
      cable.isMute = true;
      const entry = await store.join('deploy', LOCK, request);
      expect(entry.state).toBe('holding');
      expect((await rig.store().snapshot('deploy'))?.entries.map(({ ticket }) => ticket)).toEqual([entry.ticket]);
    });

    test('was not done: it is voided, and another one is', async () => {
      const cable = await proxy();
      const store = rig.store({ endpoints: `${cable.endpoint},${rig.server.endpoint}` });
      await store.leave(await store.join('deploy', LOCK, request));
      cable.isSilent = true;
      const entry = await store.join('deploy', LOCK, request);
      expect(entry.state).toBe('holding');
      expect((await rig.store().snapshot('deploy'))?.entries.map(({ ticket }) => ticket)).toEqual([entry.ticket]);
      const client = rig.client();
      const voided = await client.range({ key: `${rig.prefix}/deploy/void/`, rangeEnd: `${rig.prefix}/deploy/void0` });
      client.close();
      expect(voided.kvs).toHaveLength(1);
      // The key that the first request would have put comes before the one of the second.
      expect(voided.kvs[0]?.key.toString().replace('/void/', '/line/')).not.toBe(keyOf(entry));
    });

    test('cannot be done any more once it was voided, however late a server passes it on', async () => {
      let late: LateClient | undefined;
      const makeClient = (address: EtcdAddress) => {
        late = new LateClient(address, { credentials: null });
        return late;
      };
      const store = rig.store({ makeClient });
      await store.leave(await store.join('deploy', LOCK, request));
      for (const config of [LOCK, { kind: 'semaphore', permits: 2 }]) {
        late?.delayNext();
        const entry = await store.join(`a ${config.kind}`, config, request);
        expect(entry.state).toBe('holding');
        await store.leave(entry);
        expect((await late?.passOn())?.succeeded).toBe(false);
        expect(await standing(store, `a ${config.kind}`)).toBe(0);
      }
      // As of one that knows the line.
      await store.leave(await store.join('deploy', LOCK, request));
      late?.delayNext();
      await store.leave(await store.join('deploy', LOCK, request));
      expect((await late?.passOn())?.succeeded).toBe(false);
      expect(await standing(store, 'deploy')).toBe(0);
    });

    test('and no server answers: it is an error, and what it may have put is taken away later', async () => {
      const cable = await proxy();
      const store = rig.store({ endpoints: cable.endpoint });
      await store.leave(await store.join('deploy', LOCK, request));
      cable.isMute = true;
      const error = await errorOf(store.join('deploy', LOCK, request));
      expect(error).toMatchObject({ name: 'StoreError', code: 'UNSURE' });
      const another = rig.store();
      const next = await another.join('deploy', LOCK, request);
      expect(next.state).toBe('waiting');
      const waits = settled(another, next);
      cable.isMute = false;
      expect(await waits).toBe('holding');
    });

    test.each(['isMute', 'isSilent'] as const)(
      'of a counter: it is added once, whether or not that was done (%s)',
      async (how) => {
        const cable = await proxy();
        const store = rig.store({ endpoints: `${cable.endpoint},${rig.server.endpoint}` });
        const add = () => store.act('visits', { kind: 'counter', permits: 1 }, { do: 'add', by: 1 });
        expect([await add(), await add()]).toEqual([1, 2]);
        cable[how] = true;
        expect([await add(), await add()]).toEqual([3, 4]);
        expect((await rig.store().snapshot('visits'))?.value).toBe(4);
      },
    );

    test('of a release: it is done, and reported as done', async () => {
      const cable = await proxy();
      const store = rig.store({ endpoints: `${cable.endpoint},${rig.server.endpoint}` });
      const entry = await store.join('deploy', LOCK, request);
      cable.isMute = true;
      await store.leave(entry);
      expect(entry.state).toBe('left');
      expect(await standing(rig.store(), 'deploy')).toBe(0);
    });
  });

  test('a holder that is cut off knows that it lost the lock before the next one can have it', async () => {
    const cable = await proxy();
    const [one, other] = [rig.store({ endpoints: cable.endpoint }), rig.store()];
    // Another pid namespace, as it were: nothing but the lease can end its entry.
    const lease = await new Lock('deploy', { store: one }).acquire();
    const next = await other.join('deploy', LOCK, request);
    let lostAt = Number.POSITIVE_INFINITY;
    lease.signal.addEventListener('abort', () => {
      lostAt = performance.now();
    });
    cable.isSilent = true;
    expect(await settled(other, next)).toBe('holding');
    expect(lostAt).toBeLessThan(performance.now());
    expect(lease.held).toBe(false);
    expect(next.token).toBeGreaterThan(lease.token);
  });

  test('a holder that is stopped past its lease is not robbed before, and knows it when it goes on', async () => {
    const store = rig.store();
    const holder = rig.program(`
      const entry = await store.join('deploy', LOCK, request);
      console.log(entry.token);
      await order();
      console.log(entry.state, store.held().length);
      process.exit();`);
    const token = Number(await holder.line());
    const next = await store.join('deploy', LOCK, request);
    const waits = settled(store, next);
    holder.signal('SIGSTOP');
    const start = performance.now();
    expect(await waits).toBe('holding');
    // It lived, so nothing but its lease of ten seconds may end it; the last keep-alive is up to two seconds old.
    expect(performance.now() - start).toBeGreaterThan(7_000);
    expect(next.token).toBeGreaterThan(token);
    holder.order('look');
    holder.signal('SIGCONT');
    expect(await holder.line()).toBe('lost 0');
  });

  test('a machine that was suspended past the lease holds nothing at the first look, whatever the server still thinks', async () => {
    let suspendedMs = 0;
    const store = rig.store({ bootMs: () => bootMs() + suspendedMs });
    const entry = await store.join('deploy', LOCK, request);
    expect(entry.state).toBe('holding');
    suspendedMs = 9_500;
    expect([entry.state, entry.eviction?.reason, store.held()]).toEqual([
      'lost',
      'the lease of its session could not be kept alive',
      [],
    ]);
    // It can be had again, under another lease.
    const again = await store.join('another', LOCK, attempt);
    expect([again.state, leaseOf(again) === leaseOf(entry)]).toEqual(['holding', false]);
  });

  test('an answer that takes longer than the lease lives grants nothing', async () => {
    let suspendedMs = 0;
    const store = rig.store({ bootMs: () => bootMs() + suspendedMs });
    await store.leave(await store.join('deploy', LOCK, request));
    const joins = store.join('deploy', LOCK, request);
    // The request is under way, and the machine sleeps.
    suspendedMs = 9_500;
    expect((await joins).state).toBe('lost');
    await lineWhere(rig.store(), 'deploy', ({ entries }) => entries.length === 0);
  });

  test('a store that no server answers for is unreachable, in words that name it', async () => {
    const store = rig.store({ endpoints: '127.0.0.1:1' });
    const error = await errorOf(store.names());
    expect(error).toMatchObject({ name: 'StoreError', code: 'UNREACHABLE', path: store.place });
    await expect(store.ping()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test('a state of a newer version is left alone', async () => {
    const client = new EtcdClient(parseEtcdUrl(rig.url()), { credentials: null });
    rig.onEnd(() => client.close());
    const value = '{"v":2,"kind":"lock","permits":1}';
    await client.put({ key: `${rig.prefix}/deploy/state`, value });
    const store = rig.store();
    for (const call of [
      () => store.join('deploy', LOCK, request),
      () => store.snapshot('deploy'),
      () => store.forget('deploy'),
      () => store.act('deploy', LOCK, { do: 'set' }),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'STORE_UNSUPPORTED' });
    expect((await client.range({ key: `${rig.prefix}/deploy/state` })).kvs[0]?.value.toString()).toBe(value);
  });
});
