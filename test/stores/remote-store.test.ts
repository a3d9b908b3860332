import { expect, test } from 'vitest';
import { Lock } from '../../lib/index.ts';
import { RemoteStore } from '../../lib/stores/remote-store.ts';
import { MemoryWorld } from '../model/memory-store.ts';

const URL = 'etcd://nowhere/shop';

test('nothing is loaded before the first use, and once for all uses that come together', async () => {
  let loads = 0;
  const store = new RemoteStore(URL, async () => {
    loads += 1;
    return new MemoryWorld().party();
  });
  expect([store.place, store.held(), store.commandLifeline()]).toEqual([URL, [], null]);
  await store.close();
  expect(loads).toBe(0);
  const leases = await Promise.all(['a', 'b', 'c'].map((name) => new Lock(name, { store }).acquire()));
  expect(loads).toBe(1);
  expect(store.held().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  expect(store.place).toBe('memory');
  for (const lease of leases) await lease.release();
});

test('one that was closed is opened anew by the next use', async () => {
  const worlds = [new MemoryWorld(), new MemoryWorld()];
  const store = new RemoteStore(URL, async () => (worlds.shift() as MemoryWorld).party());
  await store.join('deploy', { kind: 'lock', permits: 1 }, { ask: 1, label: '', onlyIfGranted: false });
  await store.close();
  expect([store.place, store.held()]).toEqual([URL, []]);
  expect(await store.names()).toEqual([]);
  expect(worlds).toEqual([]);
});

test('a load that fails is the error of the call, and the next call loads anew', async () => {
  const failures = [new Error('the module is not there')];
  const store = new RemoteStore(URL, async () => {
    const failure = failures.shift();
    if (failure) throw failure;
    return new MemoryWorld().party();
  });
  await expect(store.ping()).rejects.toThrow('the module is not there');
  await store.ping();
});

test('what blocks its thread is refused in words, for the servers answer later', async () => {
  const store = new RemoteStore(URL, async () => new MemoryWorld().party());
  const lock = new Lock('deploy', { store });
  const refusal =
    /^deploy: \w+ is for stores that answer at once, and etcd:\/\/nowhere\/shop has to ask its servers\. Write await \w+\(…\) instead\.$/;
  expect(() => lock.acquireSync()).toThrow(refusal);
  expect(() => lock.tryAcquireSync()).toThrow(refusal);
});
