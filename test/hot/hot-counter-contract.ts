import { LogFullError, MisuseError } from 'lockstep';
import type { Back, BackState, HotCounter, HotCounterOptions } from 'lockstep/hot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HotRig } from './hot-rig.ts';

/** Where a hot count is kept, for the tests of a file. */
export interface HotPlace {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Where a test's counts are: a hot side of its own, as another process would have it, or a store. */
  options(rig: HotRig, name: string): Pick<HotCounterOptions, 'hot' | 'store'>;
  /** Where they are after the data of the hot side is gone, and nothing else. */
  lost(rig: HotRig, name: string): Promise<Pick<HotCounterOptions, 'hot' | 'store'>>;
}

/** What a hot count does, wherever it is kept. */
export function testHotCounter(what: string, place: HotPlace): void {
  describe(`a hot count on ${what}, written back to SQLite`, () => {
    let rig: HotRig;
    let serial = 0;
    beforeAll(() => place.start(), 60_000);
    afterAll(() => place.stop());
    beforeEach(() => {
      rig = new HotRig();
      serial += 1;
    });
    afterEach(() => rig.end());

    const name = () => `show-${serial}`;
    const open = (back?: Back, maxLog = 1_000): HotCounter =>
      rig.counter({ ...place.options(rig, name()), maxLog, ...(back ? { back } : {}) }, name());

    async function sell(counter: HotCounter, ids: readonly string[]): Promise<void> {
      for (const id of ids) await counter.take(1, { id });
    }

    test('what was sold is in the database after a flush: its orders, and what is left', async () => {
      const back = rig.sqlite();
      const counter = open(back);
      expect(await counter.load(5, { id: 'opening' })).toBe(5);
      expect(await counter.take(2, { id: 'a' })).toEqual({ left: 3, sequence: 1 });
      expect(await counter.take(1, { id: 'b' })).toEqual({ left: 2, sequence: 2 });
      expect(await counter.take(9, { id: 'c' })).toBeNull();
      expect(await counter.flush()).toMatchObject({ count: 2, loaded: 5, cursor: 2, duplicates: 0 });
      expect(await back.orders(name(), 10)).toEqual([
        { id: 'b', n: 1, sequence: 2, left: 2 },
        { id: 'a', n: 2, sequence: 1, left: 3 },
      ]);
      expect(await counter.status()).toMatchObject({ left: 2, logged: 0, unwritten: 0, problems: [] });
    });

    test('a flush writes more sales than one transaction does', async () => {
      const back = rig.sqlite();
      const counter = open(back, 5_000);
      await counter.load(1_500, { id: 'opening' });
      const ids = Array.from({ length: 1_250 }, (_, at) => `order-${at}`);
      await Promise.all(
        [0, 1, 2, 3].map((lane) =>
          sell(
            counter,
            ids.filter((_, at) => at % 4 === lane),
          ),
        ),
      );
      const written: number[] = [];
      const ends = new AbortController();
      const done = counter.writeBack({
        everyMs: 5,
        signal: ends.signal,
        onWritten: ({ cursor }: BackState) => {
          written.push(cursor);
          if (cursor === 1_250) ends.abort();
        },
      });
      await done;
      expect(written).toEqual([1_000, 1_250]);
      expect(new Set((await back.orders(name(), 9_999)).map(({ id }) => id)).size).toBe(1_250);
      expect(await back.read(name())).toMatchObject({ count: 250, cursor: 1_250 });
    });

    test('an id that is an order already makes no second one, and is counted', async () => {
      const back = rig.sqlite();
      const counter = open(back);
      await counter.load(5, { id: 'opening' });
      await sell(counter, ['a', 'b']);
      await counter.flush();
      // The database alone knows the id: as after a hot side was rebuilt without its ids.
      const state = await back.read(name());
      const sale = { id: 'a', n: 1, sequence: 3, left: 2, at: 0 };
      const batch = { name: name(), token: (state?.token ?? 0) + 1, generation: state?.generation ?? '', loaded: 5 };
      const after = await back.write({ ...batch, sales: [sale], isRescue: false });
      expect(after).toMatchObject({ cursor: 3, count: 3, duplicates: 1 });
      expect(await back.orders(name(), 9)).toHaveLength(2);
    });

    test('a writer with an older token than the last one’s is refused, and changes nothing', async () => {
      const back = rig.sqlite();
      const counter = open(back);
      await counter.load(5, { id: 'opening' });
      await sell(counter, ['a']);
      const before = await counter.flush();
      const batch = { name: name(), token: before.token - 1, generation: before.generation ?? '', loaded: 5 };
      const sale = { id: 'z', n: 1, sequence: 2, left: 3, at: 0 };
      await expect(back.write({ ...batch, sales: [sale], isRescue: false })).rejects.toMatchObject({
        code: 'HOT_FENCED',
      });
      expect(await back.read(name())).toEqual(before);
      expect(await back.orders(name(), 9)).toHaveLength(1);
    });

    test('while the database is away the log fills, take refuses, and all goes on by itself when it is back', async () => {
      const real = rig.sqlite();
      let isAway = true;
      const away = () => Object.assign(new Error('away'), { code: 'away' });
      const back: Back = {
        place: real.place,
        read: async (...args) => (isAway ? Promise.reject(away()) : real.read(...args)),
        write: (...args) => real.write(...args),
        orders: (...args) => real.orders(...args),
        close: () => real.close(),
      };
      const sellers = open(undefined, 3);
      await sellers.load(9, { id: 'opening' });
      const counter = open(back, 3);
      await sell(sellers, ['a', 'b', 'c']);
      await expect(sellers.take(1, { id: 'd' })).rejects.toThrow(LogFullError);
      await expect(counter.flush()).rejects.toThrow('away');
      await expect(sellers.take(1, { id: 'd' })).rejects.toThrow('3 sales wait to be written back');
      isAway = false;
      await counter.flush();
      expect(await sellers.take(1, { id: 'd' })).toEqual({ left: 5, sequence: 4 });
      expect((await counter.flush()).count).toBe(5);
    });

    test('a flush waits for the writer of another process, and for no longer than it may', async () => {
      const back = rig.sqlite();
      const [writer, other] = [open(back), open(back)];
      await other.load(5, { id: 'opening' });
      const ends = new AbortController();
      const loop = writer.writeBack({ everyMs: 10, signal: ends.signal });
      await sell(other, ['a', 'b']);
      expect(await other.flush()).toMatchObject({ count: 3, cursor: 2 });
      ends.abort();
      await loop;
      const slow = new AbortController();
      let isWritten = () => {};
      const first = new Promise<void>((resolve) => {
        isWritten = resolve;
      });
      await sell(other, ['c']);
      const lazy = writer.writeBack({ everyMs: 60_000, signal: slow.signal, onWritten: () => isWritten() });
      await first;
      await sell(other, ['d']);
      await expect(other.flush({ timeout: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
      slow.abort();
      await lazy;
      expect((await back.read(name()))?.cursor).toBe(4);
    });

    test('of two writers one writes, and the other one takes over when it ends', async () => {
      const back = rig.sqlite();
      const [first, second] = [open(back), open(back)];
      await first.load(5, { id: 'opening' });
      const ends = [new AbortController(), new AbortController()];
      const wrote: string[] = [];
      const one = first.writeBack({
        everyMs: 5,
        signal: ends[0]?.signal as AbortSignal,
        onWritten: () => wrote.push('first'),
      });
      const until = async (holds: () => Promise<boolean> | boolean) => {
        while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
      };
      await until(() => wrote.length > 0);
      const two = second.writeBack({
        everyMs: 5,
        signal: ends[1]?.signal as AbortSignal,
        onWritten: () => wrote.push('second'),
      });
      await until(async () => (await second.status()).writers.length === 2);
      await sell(first, ['a']);
      await until(() => wrote.length > 1);
      expect(wrote).not.toContain('second');
      ends[0]?.abort();
      await one;
      await sell(first, ['b']);
      await until(() => wrote.at(-1) === 'second');
      ends[1]?.abort();
      await two;
      expect(await back.read(name())).toMatchObject({ count: 3, cursor: 2, duplicates: 0 });
    });

    test('lost hot data is found out before anything is written or loaded; a rebuild sells on from what the database says', async () => {
      const back = rig.sqlite();
      const counter = open(back);
      await counter.load(9, { id: 'opening' });
      await sell(counter, ['a', 'b', 'c']);
      const before = await counter.flush();
      const blank = rig.counter({ back, ...(await place.lost(rig, name())) }, name());
      await expect(blank.load(9, { id: 'again' })).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
      await expect(blank.flush()).rejects.toThrow('the database has sales up to 3, and the hot side has nothing');
      expect(await back.read(name())).toEqual(before);
      expect((await blank.status()).problems.join()).toContain('data was lost');
      const after = await blank.rebuild();
      expect(after).toMatchObject({ count: 6, cursor: 3, loaded: 9 });
      expect(after.generation).not.toBe(before.generation);
      expect(await blank.take(1, { id: 'd' })).toEqual({ left: 5, sequence: 4 });
      expect(await blank.flush()).toMatchObject({ count: 5, cursor: 4, duplicates: 0 });
    });

    test('a database that is older than what was written to it is found out, and nothing is rebuilt from it', async () => {
      const [back, older] = [rig.sqlite(), rig.sqlite('older.sqlite')];
      const [counter, other] = [open(back), open(older)];
      await counter.load(9, { id: 'opening' });
      await other.flush();
      await sell(counter, ['a', 'b']);
      await counter.flush();
      await expect(other.flush()).rejects.toThrow('it is an older one, or another');
      await expect(other.rebuild()).rejects.toThrow('the database has lost sales');
      expect((await older.read(name()))?.cursor).toBe(0);
      expect(await counter.rebuild()).toMatchObject({ count: 7 });
      expect(await counter.take(1, { id: 'c' })).toMatchObject({ left: 6 });
    });

    test('a call that can never be right is refused in words', async () => {
      const counter = open();
      await expect(counter.take(0, { id: 'a' })).rejects.toThrow('a whole number from 1 up');
      await expect(counter.take(1, {} as never)).rejects.toThrow('needs an id');
      await expect(counter.take(1, { id: 'a\nb' })).rejects.toThrow('no control character');
      await expect(counter.take(1, { id: 'a', tiemout: 1 } as never)).rejects.toThrow('did you mean timeout');
      await expect(counter.flush()).rejects.toThrow('flush needs the database');
      expect(() => rig.counter({ maxLog: 100_000 })).toThrow(MisuseError);
    });

    test('an abort rejects with its reason, and leaves nothing that waits', async () => {
      const counter = open(rig.sqlite());
      await counter.load(1, { id: 'opening' });
      const reason = new Error('closed for today');
      const signal = AbortSignal.abort(reason);
      await expect(counter.take(1, { id: 'a', signal })).rejects.toBe(reason);
      expect((await counter.status()).left).toBe(1);
    });
  });
}
