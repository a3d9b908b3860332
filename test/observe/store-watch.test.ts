import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Lock, openStore, type Store } from '../../lib/index.ts';
import { StoreView } from '../../lib/observe/store-view.ts';
import { type StoreReading, StoreWatch } from '../../lib/observe/store-watch.ts';
import { temporaryDirectory } from '../support/tape.ts';

const open = new Set<StoreWatch>();
afterEach(() => {
  for (const watch of open) watch.end();
  open.clear();
});

/** A system that has no watches left. */
class DeafView extends StoreView {
  override watch(): never {
    throw Object.assign(new Error('ENOSPC: no more watches'), { code: 'ENOSPC' });
  }
}

interface Watching {
  store: Store;
  watch: StoreWatch;
  /** How often it was told that something may have changed. */
  told: () => number;
  /** Waits until it was told more often than that. */
  toldAfter: (times: number) => Promise<void>;
}

interface Given {
  names?: string[];
  maxWatches?: number;
  View?: typeof StoreView;
  store?: Store;
}

function watching({ names = [], maxWatches = 256, View = StoreView, store: given }: Given = {}): Watching {
  const store = given ?? openStore(path.join(temporaryDirectory(), 'store'));
  let times = 0;
  let wake = () => {};
  const onChange = () => {
    times += 1;
    wake();
  };
  const watch = new StoreWatch({ view: new View(store.place), names, maxWatches, onChange });
  open.add(watch);
  const toldAfter = async (before: number) => {
    // A watch keeps no process alive, and the test must not end before it tells.
    const stay = setInterval(() => undefined, 1_000);
    while (times <= before)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    clearInterval(stay);
  };
  return { store, watch, told: () => times, toldAfter };
}

function holdersIn({ lines }: StoreReading): string[] {
  return lines.filter(({ line }) => line?.entries.some(({ state }) => state === 'holding')).map(({ name }) => name);
}

describe('with watches', () => {
  test('a change is reported, and once only until the next look, however much happens', async () => {
    const { store, watch, told, toldAfter } = watching();
    const [busy, other] = [new Lock('busy', { store }), new Lock('other', { store })];
    for (const lock of [busy, other]) await (await lock.acquire()).release();
    watch.look(true);
    const before = told();
    for (let round = 0; round < 100; round++) await (await busy.acquire()).release();
    await toldAfter(before);
    for (let round = 0; round < 100; round++) await (await busy.acquire()).release();
    const lease = await other.acquire();
    // The kernel tells in order: so all that it had to tell of the first has come by.
    await toldAfter(before + 1);
    expect(told()).toBe(before + 2);
    expect(holdersIn(watch.look(false))).toEqual(['other']);
    await lease.release();
    await toldAfter(before + 2);
    expect(holdersIn(watch.look(false))).toEqual([]);
  });

  test('where all is watched, there is no need to look by the clock', async () => {
    const { store, watch } = watching();
    watch.look(true);
    expect(watch.pollMs).toBeGreaterThan(0);
    await (await new Lock('n', { store }).acquire()).release();
    watch.look(true);
    expect(watch.pollMs).toBeNull();
    expect(watch.watches).toBe(2);
    watch.end();
    expect(watch.watches).toBe(0);
  });

  test('there are never more than so many, and who is in use has them', async () => {
    const { store, watch, told, toldAfter } = watching({ maxWatches: 4 });
    const locks = Array.from({ length: 20 }, (_, i) => new Lock(`n${i}`, { store }));
    for (const lock of locks) await (await lock.acquire()).release();
    watch.look(true);
    expect(watch.watches).toBe(5);
    expect(watch.pollMs).toBeGreaterThan(0);
    // In the order of names: these came too late for a watch.
    for (const lock of locks.slice(5, 8)) {
      const lease = await lock.acquire();
      expect(holdersIn(watch.look(false))).toEqual([lock.name]);
      expect(watch.watches).toBe(5);
      // It was given a watch of somebody's who is not in use.
      const before = told();
      await lease.release();
      await toldAfter(before);
      expect(holdersIn(watch.look(false))).toEqual([]);
    }
  });
});

describe('without watches', () => {
  test('each look finds what changed, also past a rotation', async () => {
    const place = path.join(temporaryDirectory(), 'store');
    const store = openStore(place, { rotateBytes: 512 });
    const { watch } = watching({ store, View: DeafView as typeof StoreView });
    const lock = new Lock('n', { store });
    for (let round = 0; round < 30; round++) {
      const lease = await lock.acquire();
      expect(holdersIn(watch.look(false))).toEqual(['n']);
      await lease.release();
      expect(holdersIn(watch.look(false))).toEqual([]);
    }
    expect(fs.readdirSync(path.join(place, 'resources/n'))).not.toContain('journal.1');
    expect(watch.watches).toBe(0);
  });

  test('each look finds names that are new, also where the time of the directory does not show it', async () => {
    const { store, watch } = watching({ View: DeafView as typeof StoreView });
    // The clock of a file system stands still for some milliseconds.
    const standing = new Date(Date.now() + 3_600_000);
    for (const name of ['a', 'b', 'c']) {
      await (await new Lock(name, { store }).acquire()).release();
      fs.utimesSync(path.join(store.place, 'resources'), standing, standing);
      expect(watch.look(false).lines.at(-1)?.name).toBe(name);
    }
  });

  test('of very many names each is looked at in its turn', async () => {
    const { store, watch } = watching({ View: DeafView as typeof StoreView });
    const locks = Array.from({ length: 600 }, (_, i) => new Lock(`n${i}`, { store }));
    for (const lock of locks) await (await lock.acquire()).release();
    watch.look(true);
    const lease = await (locks[599] as Lock).acquire();
    const looks = [1, 2, 3].map(() => holdersIn(watch.look(false)));
    expect(looks.at(-1)).toEqual(['n599']);
    await lease.release();
  });
});

test('a journal that was left sealed shows the line as it was, and stays as it is', async () => {
  const { store, watch } = watching();
  const lock = new Lock('n', { store });
  const lease = await lock.acquire();
  const directory = path.join(store.place, 'resources/n');
  const seal = () => fs.appendFileSync(path.join(directory, 'journal.1'), '\n["seal","dead:seal1",1]');
  expect(holdersIn(watch.look(true))).toEqual(['n']);
  seal();
  // In a journal that is open already, and in one that is opened.
  for (const one of [watch, watching({ store }).watch]) {
    for (let look = 0; look < 3; look++) {
      const seen = one.look(true);
      expect(seen.lines.map(({ failure }) => failure)).toEqual([null]);
      expect(holdersIn(seen)).toEqual(['n']);
    }
  }
  expect(fs.readdirSync(directory)).toEqual(['journal.1']);
  await lease.release();
  expect(fs.readdirSync(directory)).toContain('journal.2');
  expect(holdersIn(watch.look(true))).toEqual([]);
});

describe('a store that comes and goes', () => {
  test.each([
    ['deleted', (place: string) => fs.rmSync(place, { recursive: true })],
    ['moved away', (place: string) => fs.renameSync(place, `${place}.old`)],
  ])('is told, and what comes in its place is not taken for it (%s)', async (_, remove) => {
    const { store, watch } = watching();
    expect(watch.look(true)).toEqual({ state: 'absent', failure: null, lines: [] });
    const lock = new Lock('n', { store });
    await lock.acquire();
    expect(watch.look(true).state).toBe('there');
    remove(store.place);
    expect(watch.look(true)).toEqual({ state: 'gone', failure: null, lines: [] });
    fs.mkdirSync(path.join(store.place, 'resources'), { recursive: true, mode: 0o700 });
    fs.chmodSync(store.place, 0o700);
    expect(watch.look(true)).toEqual({ state: 'there', failure: null, lines: [] });
  });

  test('another that was put in its place is seen at once', async () => {
    const { store, watch } = watching();
    const other = openStore(path.join(temporaryDirectory(), 'other'));
    await new Lock('n', { store }).acquire({ label: 'old' });
    await new Lock('n', { store: other }).acquire({ label: 'new' });
    const labels = () => watch.look(true).lines.flatMap(({ line }) => line?.entries.map(({ label }) => label));
    expect(labels()).toEqual(['old']);
    fs.renameSync(store.place, `${store.place}.old`);
    fs.renameSync(other.place, store.place);
    expect(labels()).toEqual(['new']);
  });

  test('one that others may write into is not looked into', async () => {
    const { store, watch } = watching();
    await (await new Lock('n', { store }).acquire()).release();
    fs.chmodSync(store.place, 0o777);
    const { state, failure, lines } = watch.look(true);
    expect({ state, lines }).toEqual({ state: 'unusable', lines: [] });
    expect(failure?.message).toMatch(/others may write in it/);
    fs.chmodSync(store.place, 0o700);
    expect(watch.look(true).lines).toHaveLength(1);
  });
});
