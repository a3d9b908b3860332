import { expect, test } from 'vitest';
import { RemoteSource } from '../../../../cli/commands/top/remote-source.ts';
import { StoreError } from '../../../../lib/errors.ts';
import type { Store } from '../../../../lib/store/store.ts';
import { MemoryWorld } from '../../../model/memory-store.ts';

const LOCK = { kind: 'lock', permits: 1 };
const enter = { ask: 1, label: 'x', onlyIfGranted: false };

function parts(names: readonly string[] = []) {
  const store = new MemoryWorld().party();
  const changes: Array<() => void> = [];
  const changed = () => new Promise<void>((resolve) => changes.push(resolve));
  const onChange = () => {
    for (const resolve of changes.splice(0)) resolve();
  };
  return { store, names, onChange, changed };
}

test('shows every name of the store in one cut, then what it is told at the next answer', async () => {
  const { store, names, onChange, changed } = parts();
  await store.join('b', LOCK, enter);
  await store.join('a', LOCK, enter);
  const source = await RemoteSource.begin({ store, names, onChange });
  expect(source.look()).toMatchObject({ state: 'there', failure: null, lines: [{ name: 'a' }, { name: 'b' }] });
  const next = changed();
  await store.join('c', LOCK, enter);
  await next;
  expect(source.look().lines.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  source.end();
});

test('shows the names that were asked for, also those that were never used', async () => {
  const { store, onChange } = parts();
  await store.join('a', LOCK, enter);
  const source = await RemoteSource.begin({ store, names: ['none', 'a'], onChange });
  const { lines } = source.look();
  expect(lines.map(({ name, line }) => [name, line?.entries.length])).toEqual([
    ['a', 1],
    ['none', undefined],
  ]);
  source.end();
});

test('tells the entries of a deadlock', async () => {
  const world = new MemoryWorld();
  const [one, other] = [world.party(), world.party()];
  const [a, b] = [await one.join('a', LOCK, enter), await other.join('b', LOCK, enter)];
  const forB = await one.join('b', LOCK, enter);
  const forA = await other.join('a', LOCK, enter);
  await one.keep(forB, { held: [{ name: 'a', ticket: a.ticket }], waits: 1 });
  await other.keep(forA, { held: [{ name: 'b', ticket: b.ticket }], waits: 1 });
  const source = await RemoteSource.begin({ store: one, names: [], onChange: () => undefined });
  expect([...source.look().deadlocked].sort()).toEqual(
    [`${a.ticket} a`, `${forA.ticket} a`, `${b.ticket} b`, `${forB.ticket} b`].sort(),
  );
  source.end();
});

test('servers that cannot be reached are shown, until an answer comes', async () => {
  const { store, names, onChange, changed } = parts();
  const failures = [new StoreError('STORE_BUSY', 'no server answers', { operation: 'look', path: 'etcd://h1' })];
  const shaky: Store = new Proxy(store, {
    get(target, key) {
      const failure = key === 'names' ? failures.shift() : undefined;
      if (failure) return () => Promise.reject(failure);
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const source = await RemoteSource.begin({ store: shaky, names, onChange });
  expect(source.look()).toMatchObject({ state: 'unusable', failure: { message: 'no server answers' }, lines: [] });
  await changed();
  expect(source.look()).toMatchObject({ state: 'there', failure: null });
  source.end();
});

test('after its end it asks no more, and an answer that comes later changes nothing', async () => {
  const { store, names } = parts();
  let answers = 0;
  const source = await RemoteSource.begin({ store, names, onChange: () => (answers += 1) });
  source.end();
  await store.join('a', LOCK, enter);
  expect([source.look().lines, answers]).toEqual([[], 0]);
});
