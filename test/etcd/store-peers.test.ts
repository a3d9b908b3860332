import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../lib/errors.ts';
import { lineWhere } from '../contract/line-watch.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig, settled } from '../support/etcd-store-rig.ts';

const LOCK = { kind: 'lock', permits: 1 };
const TWO = { kind: 'semaphore', permits: 2 };

describe.skipIf(!HAS_ETCD)('beside etcdctl lock', { timeout: 60_000 }, () => {
  const rig = new EtcdStoreRig();
  beforeAll(() => rig.start(), 90_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end());

  const request = (ask = 1) => ({ ask, label: 'ours', onlyIfGranted: false });
  const attempt = (ask = 1) => ({ ask, label: 'ours', onlyIfGranted: true });

  test('it holds, and we wait for it, in the one line', async () => {
    const store = rig.store();
    const theirs = rig.etcdctlLock('deploy');
    expect(await theirs.line()).toContain('deploy/line/');
    const ours = await store.join('deploy', LOCK, request());
    expect([ours.state, ours.waitingBefore]).toEqual(['waiting', 0]);
    expect((await store.join('deploy', LOCK, attempt())).state).toBe('refused');
    const [view] = (await store.snapshot('deploy'))?.entries ?? [];
    expect(view).toMatchObject({ state: 'holding', ask: 1, ours: false, stale: false, owners: [] });
    await theirs.end('SIGTERM');
    expect(await settled(store, ours)).toBe('holding');
    expect(ours.token).toBeGreaterThan(view?.token ?? Number.POSITIVE_INFINITY);
  });

  test('we hold, it waits, and the next of us waits for it', async () => {
    const store = rig.store();
    const first = await store.join('deploy', LOCK, request());
    const theirs = rig.etcdctlLock('deploy');
    await lineWhere(store, 'deploy', ({ entries }) => entries.length === 2);
    const next = await store.join('deploy', LOCK, request());
    await store.leave(first);
    expect(await theirs.line()).toContain('deploy/line/');
    await store.refresh(next);
    expect(next.state).toBe('waiting');
    await theirs.end('SIGTERM');
    expect(await settled(store, next)).toBe('holding');
  });

  test.each([
    ['all permits of a semaphore', TWO, 1],
    ['a lock that is shared', LOCK, 0],
  ])('it asks for %s: it waits for all before it, and none behind it holds', async (_, config, ask) => {
    const store = rig.store();
    const before = [await store.join('room', config, request(ask)), await store.join('room', config, request(ask))];
    expect(before.map(({ state }) => state)).toEqual(['holding', 'holding']);
    const theirs = rig.etcdctlLock('room');
    const { entries } = await lineWhere(store, 'room', (line) => line.entries.length === 3);
    expect(entries.at(-1)).toMatchObject({ ask: config.permits, state: 'waiting' });
    const behind = await store.join('room', config, request(ask));
    for (const entry of before) await store.leave(entry);
    expect(await theirs.line()).toContain('room/line/');
    await store.refresh(behind);
    expect(behind.state).toBe('waiting');
    await theirs.end('SIGTERM');
    expect(await settled(store, behind)).toBe('holding');
  });

  test('a slash in a name is no other line: a/b waits for a/b alone', async () => {
    const store = rig.store();
    const theirs = rig.etcdctlLock('a');
    await theirs.line();
    expect((await store.join('a/b', LOCK, attempt())).state).toBe('holding');
    expect((await store.join('a', LOCK, attempt())).state).toBe('refused');
    const another = rig.etcdctlLock('a%2Fb');
    await lineWhere(store, 'a/b', ({ entries }) => entries.length === 2);
    await another.end('SIGTERM');
  });

  test('its holder is not robbed, which it would never learn, but can be evicted', async () => {
    const store = rig.store();
    const theirs = rig.etcdctlLock('deploy');
    await theirs.line();
    const theft = store.join('deploy', LOCK, { ...request(), steal: true });
    await expect(theft).rejects.toThrow(StoreError);
    await expect(theft).rejects.toThrow('etcdctl lock');
    const [view] = (await store.snapshot('deploy'))?.entries ?? [];
    expect(await store.evict('deploy', view?.ticket ?? 0, { reason: 'broken', by: 'a test' })).toBe(true);
    expect((await store.join('deploy', LOCK, attempt())).state).toBe('holding');
  });
});
