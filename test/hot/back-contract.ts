import type { Back, BackState, Batch, LoggedSale } from 'lockstep/hot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HotRig } from './hot-rig.ts';

/** What each database must do. `open`: a connection of its own to the same database; the names of a test are its own. */
export function testBack(what: string, open: (rig: HotRig) => Back): void {
  describe(what, () => {
    let rig: HotRig;
    let name: string;
    let serial = 0;
    beforeEach(() => {
      rig = new HotRig();
      serial += 1;
      name = `show ${serial} `;
    });
    afterEach(() => rig.end());

    const sale = (sequence: number, id = `order-${sequence}`, n = 1): LoggedSale => ({
      ...{ id, n, sequence, left: 1_000 - sequence, at: 1_700_000_000_000 + sequence },
    });
    const batch = (token: number, sales: LoggedSale[], more: Partial<Batch> = {}): Batch => ({
      ...{ name, token, generation: 'one', loaded: 1_000, sales, isRescue: false, ...more },
    });
    const begin = async (back: Back, upTo = 3): Promise<BackState> =>
      back.write(
        batch(
          10,
          Array.from({ length: upTo }, (_, at) => sale(at + 1)),
        ),
      );

    test('what nothing was written to has nothing', async () => {
      const back = open(rig);
      expect(await back.read(name)).toBeNull();
      expect(await back.orders(name, 10)).toEqual([]);
    });

    test('a batch becomes orders, the count, the cursor, the token and the generation', async () => {
      const [back, other] = [open(rig), open(rig)];
      const state = await begin(back);
      expect(state).toEqual({
        ...{ count: 997, loaded: 1_000, cursor: 3, token: 10, generation: 'one', duplicates: 0 },
      });
      expect(await other.read(name)).toEqual(state);
      expect(await other.orders(name, 2)).toEqual([
        { id: 'order-3', n: 1, sequence: 3, left: 997 },
        { id: 'order-2', n: 1, sequence: 2, left: 998 },
      ]);
      expect(await other.read('another')).toBeNull();
    });

    test('a batch that was written already is left out', async () => {
      const back = open(rig);
      const state = await begin(back);
      expect(await begin(back)).toEqual(state);
      const rest = await back.write(batch(10, [sale(2), sale(3), sale(4, 'order-4', 5)]));
      expect(rest).toMatchObject({ cursor: 4, count: 992, duplicates: 0 });
      expect(await back.orders(name, 99)).toHaveLength(4);
    });

    test('an id that is an order makes no second one, and is counted; so does one that is there twice', async () => {
      const back = open(rig);
      await begin(back);
      const state = await back.write(batch(10, [sale(4, 'order-1'), sale(5), sale(6, 'order-5')]));
      expect(state).toMatchObject({ cursor: 6, count: 996, duplicates: 2 });
      expect((await back.orders(name, 99)).map(({ id }) => id).sort()).toEqual(
        ['order-1', 'order-2', 'order-3', 'order-5'].sort(),
      );
    });

    test('an older token is refused, and nothing is changed', async () => {
      const back = open(rig);
      const state = await begin(back);
      await expect(back.write(batch(9, [sale(4)]))).rejects.toMatchObject({ code: 'HOT_FENCED' });
      expect(await back.read(name)).toEqual(state);
      expect(await back.orders(name, 99)).toHaveLength(3);
      expect(await back.write(batch(11, [sale(4)]))).toMatchObject({ token: 11, cursor: 4 });
    });

    test('a batch of other data, or one after a gap, is refused, and nothing is changed', async () => {
      const back = open(rig);
      const state = await begin(back);
      for (const wrong of [batch(11, [sale(4)], { generation: 'two' }), batch(11, [sale(5)])])
        await expect(back.write(wrong)).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
      expect(await back.read(name)).toEqual(state);
    });

    test('a rescue takes what is no order yet, from any generation, and counts no duplicates', async () => {
      const back = open(rig);
      await begin(back);
      const sales = [sale(1), sale(2, 'saved')];
      const state = await back.write(batch(12, sales, { generation: 'two', isRescue: true, loaded: 5 }));
      expect(state).toEqual({
        ...{ count: 996, loaded: 1_000, cursor: 3, token: 12, generation: 'two', duplicates: 0 },
      });
      await expect(back.write(batch(12, [sale(4)]))).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
    });

    test('a load changes the count without an order', async () => {
      const back = open(rig);
      await begin(back);
      expect(await back.write(batch(10, [], { loaded: 1_500 }))).toMatchObject({
        loaded: 1_500,
        count: 1_497,
        cursor: 3,
      });
    });

    test('names and ids are compared byte by byte, spaces at their ends too, and no text is a part of a statement', async () => {
      const back = open(rig);
      const ids = ['a', 'A', 'a ', 'á', "'; DROP TABLE lockstep_hot; --", 'a\\', "\\'", '%_?', '票🎫', 'x'.repeat(200)];
      const state = await back.write(
        batch(
          10,
          ids.map((id, at) => sale(at + 1, id)),
        ),
      );
      expect(state).toMatchObject({ duplicates: 0, cursor: ids.length });
      expect((await back.orders(name, 99)).map(({ id }) => id).reverse()).toEqual(ids);
      expect(await back.read(name.trimEnd())).toBeNull();
    });

    test('numbers keep all their digits', async () => {
      const back = open(rig);
      const most = Number.MAX_SAFE_INTEGER;
      expect(await back.write(batch(most, [sale(1)], { loaded: most }))).toMatchObject({ count: most - 1 });
      expect(await back.read(name)).toMatchObject({ token: most, loaded: most, count: most - 1 });
    });

    test('a large batch is one transaction', async () => {
      const back = open(rig);
      const sales = Array.from({ length: 1_000 }, (_, at) => sale(at + 1));
      const torn = sales.map((one, at) =>
        at < 950
          ? one
          : (Object.defineProperty({ ...one }, 'left', { get: () => Promise.reject, enumerable: true }) as never),
      );
      await expect(back.write(batch(10, torn))).rejects.toThrow();
      expect(await open(rig).orders(name, 9_999)).toEqual([]);
      expect(await back.write(batch(10, sales))).toMatchObject({ cursor: 1_000, count: 0 });
      expect(await back.orders(name, 9_999)).toHaveLength(1_000);
    });

    test('two writers at once: one after the other, and each sale once', async () => {
      const [one, other] = [open(rig), open(rig)];
      const sales = Array.from({ length: 20 }, (_, at) => sale(at + 1));
      await Promise.all([one.write(batch(10, sales)), other.write(batch(10, sales))]);
      expect(await one.read(name)).toMatchObject({ cursor: 20, count: 980, duplicates: 0 });
    });

    test('an abort rejects with its reason', async () => {
      const reason = new Error('closed for today');
      await expect(open(rig).read(name, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });
  });
}
