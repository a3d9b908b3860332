import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMismatchError, LogFullError, MisuseError } from '../../lib/errors.ts';
import { JournalHotSide } from '../../lib/hot/journal-hot-side.ts';
import { Counter, type Take } from '../../lib/primitives/counter.ts';
import { Event } from '../../lib/primitives/event.ts';
import type { Store } from '../../lib/store/store.ts';
import type { Parties } from './parties.ts';

const MOST = Number.MAX_SAFE_INTEGER;
const BOUNDED = { floor: 0, bound: 100 };

/** What every store must do with counters from which is taken, and with the log of a hot count. */
export function describeTakes(kind: string, open: () => Parties): void {
  describe(`takes ${kind}`, () => {
    let parties: Parties;
    let one: Store;
    let other: Store;
    let third: Store;

    beforeEach(() => {
      parties = open();
      ({ one, other, third } = parties);
    });

    afterEach(() => parties.close());

    const seatsOf = (store: Store) => new Counter('seats', { store });
    const sideOf = (store: Store) => new JournalHotSide(store, 'seats');

    test('many who take at once get different numbers, and no more than there is', async () => {
      await seatsOf(one).add(20);
      const takes = await Promise.all(
        Array.from({ length: 30 }, (_, at) => seatsOf([one, other, third][at % 3] as Store).take()),
      );
      const got = takes.filter((take) => take !== null).sort((a, b) => a.sequence - b.sequence);
      expect(got).toEqual(Array.from({ length: 20 }, (_, at) => ({ left: 19 - at, sequence: at + 1 })));
      expect(await seatsOf(third).get()).toBe(0);
    });

    test('a take that would go below the floor takes nothing, whatever the floor is', async () => {
      await seatsOf(one).add(5);
      expect(await seatsOf(other).take(6)).toBeNull();
      expect(await seatsOf(other).take(3, { floor: 3 })).toBeNull();
      expect(await seatsOf(other).take(2, { floor: 3 })).toEqual({ left: 3, sequence: 1 });
      expect(await seatsOf(one).take(4, { floor: -1 })).toEqual({ left: -1, sequence: 2 });
      expect(await seatsOf(one).take(1, { floor: -1 })).toBeNull();
      expect(await seatsOf(one).take(MOST, { floor: -MOST })).toBeNull();
      expect(await seatsOf(one).get()).toBe(-1);
    });

    test('an id gets the same answer, whoever asks, also when the number is another one by now, or sold out', async () => {
      await seatsOf(one).add(3);
      const first = await seatsOf(one).take(1, { id: 'a' });
      expect(first).toEqual({ left: 2, sequence: 1 });
      await seatsOf(other).take(1, { id: 'b' });
      expect(await seatsOf(third).take(1, { id: 'a' })).toEqual(first);
      await seatsOf(other).take();
      expect(await seatsOf(other).take(1, { id: 'c' })).toBeNull();
      expect(await seatsOf(other).take(1, { id: 'a', floor: 2 })).toEqual(first);
      expect(await seatsOf(other).take(1, { id: 'b' })).toEqual({ left: 1, sequence: 2 });
      expect(await seatsOf(one).get()).toBe(0);
    });

    test('one id that is asked for by all at once is taken once', async () => {
      await seatsOf(one).add(9);
      const asked = Array.from({ length: 12 }, (_, at) => seatsOf([one, other, third][at % 3] as Store));
      const takes = await Promise.all(asked.map((seats) => seats.take(2, { id: 'a' })));
      expect(takes).toEqual(takes.map(() => ({ left: 7, sequence: 1 })));
      expect(await seatsOf(one).get()).toBe(7);
    });

    test('a refusal is not remembered: the same id gets what was added since', async () => {
      expect(await seatsOf(one).take(1, { id: 'a' })).toBeNull();
      await seatsOf(other).add(1);
      expect(await seatsOf(one).take(1, { id: 'a' })).toEqual({ left: 0, sequence: 1 });
    });

    test('an id with another number is misuse, and takes nothing', async () => {
      await seatsOf(one).add(9);
      await seatsOf(one).take(2, { id: 'a' });
      await expect(seatsOf(other).take(3, { id: 'a' })).rejects.toThrow(
        'the id "a" was used before with another number than 3. Nothing was changed',
      );
      await expect(seatsOf(other).take(3, { id: 'a' })).rejects.toThrow(MisuseError);
      expect(await seatsOf(one).get()).toBe(7);
    });

    test('an id is any text: of 200 characters, with slashes and quotes', async () => {
      await seatsOf(one).add(9);
      const ids = ['票'.repeat(200), '../x', 'a/b', '"', '\\', ' ', '__proto__', 'constructor', 'é'];
      const takes: Array<Take | null> = [];
      for (const id of ids) takes.push(await seatsOf(one).take(1, { id }));
      expect(takes.map((take) => take?.sequence)).toEqual(ids.map((_, at) => at + 1));
      for (const [at, id] of ids.entries()) expect(await seatsOf(other).take(1, { id })).toEqual(takes[at]);
    });

    test.each(['', 'x'.repeat(201), '\n', '\0', '\ud800', 7 as never])('an id %j is misuse', async (id) => {
      await seatsOf(one).add(1);
      await expect(seatsOf(one).take(1, { id })).rejects.toThrow(MisuseError);
      await expect(sideOf(one).take(1, id, BOUNDED)).rejects.toThrow(MisuseError);
      await expect(sideOf(one).load(1, id)).rejects.toThrow(MisuseError);
      expect(await seatsOf(one).get()).toBe(1);
    });

    test('a number below 1, or a floor that is none, is misuse', async () => {
      for (const n of [0, -1, 0.5, Number.NaN, 2 ** 53])
        await expect(seatsOf(one).take(n)).rejects.toThrow(MisuseError);
      for (const floor of [0.5, Number.NaN, -(2 ** 53)])
        await expect(seatsOf(one).take(1, { floor })).rejects.toThrow(MisuseError);
      expect(await one.names()).toEqual([]);
    });

    test('a take from another kind of resource is reported as that', async () => {
      await new Event('seats', { store: one }).set();
      await expect(seatsOf(other).take(1, { id: 'a' })).rejects.toThrow(ConfigMismatchError);
      await expect(sideOf(other).status()).rejects.toThrow(ConfigMismatchError);
      await expect(sideOf(other).load(1, 'a')).rejects.toThrow(ConfigMismatchError);
    });

    test('a name that was forgotten knows no id, and counts its takes anew', async () => {
      await seatsOf(one).add(2);
      await seatsOf(one).take(1, { id: 'a' });
      expect(await other.forget('seats')).toBe('forgotten');
      await seatsOf(other).add(9);
      expect(await seatsOf(one).take(1, { id: 'a' })).toEqual({ left: 8, sequence: 1 });
    });

    describe('as a hot side', () => {
      test('numbers that are none are misuse, and change nothing', async () => {
        for (const none of [-1, 0.5, Number.NaN, 2 ** 53]) {
          const side = sideOf(one);
          const state = { left: 0, loaded: 0, sequence: 0 };
          await expect(side.trim(none)).rejects.toThrow(MisuseError);
          await expect(side.sales(none, 1)).rejects.toThrow(MisuseError);
          await expect(side.sales(0, none)).rejects.toThrow(MisuseError);
          await expect(side.rebuild({ ...state, sequence: none })).rejects.toThrow(MisuseError);
          await expect(side.rebuild({ ...state, loaded: none })).rejects.toThrow(MisuseError);
        }
        await expect(sideOf(one).rebuild({ left: 0.5, loaded: 0, sequence: 0 })).rejects.toThrow(MisuseError);
        expect(await one.names()).toEqual([]);
      });

      test('where nothing was loaded nothing is there, and nothing is sold', async () => {
        const nothing = { left: 0, loaded: 0, lastSequence: 0, trimmedTo: 0, logged: 0, generation: null };
        expect(await sideOf(one).status()).toEqual(nothing);
        expect(await sideOf(one).sales(0, 10)).toEqual([]);
        expect(await sideOf(one).take(1, 'a', BOUNDED)).toBeNull();
        expect(await sideOf(other).status()).toEqual(nothing);
      });

      test('a load that is sent twice loads once; another one adds to it', async () => {
        expect(await sideOf(one).load(10, 'monday')).toBe(10);
        const { generation } = await sideOf(other).status();
        expect(generation).toMatch(/^[0-9a-f-]{36}$/);
        await sideOf(other).take(1, 'monday', BOUNDED);
        expect(await sideOf(other).load(10, 'monday')).toBe(9);
        expect(await sideOf(other).load(5, 'tuesday')).toBe(14);
        expect(await sideOf(one).status()).toMatchObject({ left: 14, loaded: 15, generation });
        await expect(sideOf(one).load(11, 'monday')).rejects.toThrow('was used before with another number than 11');
        await expect(sideOf(one).load(MOST, 'wednesday')).rejects.toThrow('was not changed');
        await expect(sideOf(one).load(-1, 'wednesday')).rejects.toThrow(MisuseError);
        await expect(sideOf(one).load(1, 'wednesday', AbortSignal.abort())).rejects.toThrow('aborted');
        expect(await sideOf(one).status()).toMatchObject({ left: 14, loaded: 15, generation });
      });

      test('what is sold is logged in its order, and read from any sequence on', async () => {
        const began = Math.floor(Date.now());
        await sideOf(one).load(100, 'l');
        for (let at = 1; at <= 5; at++) await sideOf(at % 2 ? one : other).take(at, `order-${at}`, BOUNDED);
        const sales = await sideOf(third).sales(0, 10);
        expect(sales.map(({ id, n, left, sequence }) => [id, n, left, sequence])).toEqual([
          ['order-1', 1, 99, 1],
          ['order-2', 2, 97, 2],
          ['order-3', 3, 94, 3],
          ['order-4', 4, 90, 4],
          ['order-5', 5, 85, 5],
        ]);
        for (const { at } of sales) {
          expect(Number.isInteger(at)).toBe(true);
          expect(at).toBeGreaterThanOrEqual(began - 1);
          expect(at).toBeLessThan(began + 60_000);
        }
        expect(await sideOf(one).sales(2, 2)).toEqual(sales.slice(2, 4));
        expect(await sideOf(one).sales(5, 2)).toEqual([]);
        expect(await sideOf(one).sales(0, 0)).toEqual([]);
        expect(await sideOf(one).status()).toMatchObject({ left: 85, lastSequence: 5, trimmedTo: 0, logged: 5 });
      });

      test('what was trimmed is logged no more, and its ids keep their answers', async () => {
        await sideOf(one).load(10, 'l');
        for (const id of ['a', 'b', 'c']) await sideOf(one).take(1, id, BOUNDED);
        await sideOf(other).trim(2);
        expect((await sideOf(one).sales(0, 10)).map(({ id }) => id)).toEqual(['c']);
        expect(await sideOf(one).status()).toMatchObject({ lastSequence: 3, trimmedTo: 2, logged: 1 });
        expect(await sideOf(third).take(1, 'a', BOUNDED)).toEqual({ left: 9, sequence: 1 });
        expect(await seatsOf(third).take(1, { id: 'b' })).toEqual({ left: 8, sequence: 2 });
        await sideOf(other).trim(1);
        await sideOf(other).trim(9);
        expect(await sideOf(one).status()).toMatchObject({ left: 7, lastSequence: 3, trimmedTo: 3, logged: 0 });
        expect(await sideOf(third).take(1, 'c', BOUNDED)).toEqual({ left: 7, sequence: 3 });
        expect(await sideOf(third).take(1, 'd', BOUNDED)).toEqual({ left: 6, sequence: 4 });
        expect((await sideOf(one).sales(3, 10)).map(({ id }) => id)).toEqual(['d']);
      });

      test('a full log sells nothing more, but answers a repeat; a trim makes room', async () => {
        await sideOf(one).load(10, 'l');
        for (const id of ['a', 'b']) await sideOf(one).take(1, id, { floor: 0, bound: 2 });
        const full = sideOf(other).take(1, 'c', { floor: 0, bound: 2 });
        await expect(full).rejects.toThrow(LogFullError);
        await expect(full).rejects.toMatchObject({ code: 'LOG_FULL', resource: 'seats', bound: 2 });
        expect(await sideOf(other).take(1, 'a', { floor: 0, bound: 2 })).toEqual({ left: 9, sequence: 1 });
        expect(await sideOf(other).status()).toMatchObject({ left: 8, logged: 2 });
        await sideOf(other).trim(1);
        expect(await sideOf(other).take(1, 'c', { floor: 0, bound: 2 })).toEqual({ left: 7, sequence: 3 });
        for (const bound of [0, 65_537, 1.5])
          await expect(sideOf(one).take(1, 'd', { floor: 0, bound })).rejects.toThrow(MisuseError);
      });

      test('takes that are not logged stand between those that are, and no trim drops what is logged behind', async () => {
        await sideOf(one).load(10, 'l');
        await sideOf(one).take(1, 'a', BOUNDED);
        await seatsOf(other).take(1, { id: 'b' });
        await seatsOf(other).take();
        await sideOf(one).take(1, 'c', BOUNDED);
        expect((await sideOf(one).sales(0, 10)).map(({ sequence }) => sequence)).toEqual([1, 4]);
        await sideOf(one).trim(3);
        expect((await sideOf(one).sales(0, 10)).map(({ sequence }) => sequence)).toEqual([4]);
        for (const [id, sequence] of Object.entries({ a: 1, b: 2, c: 4 }))
          expect(await seatsOf(third).take(1, { id })).toMatchObject({ sequence });
      });

      test('a name with sales that were not written back is not forgotten', async () => {
        await sideOf(one).load(1, 'l');
        await sideOf(one).take(1, 'a', BOUNDED);
        expect(await other.forget('seats')).toBe('in use');
        expect(await other.forget('seats', { idleMs: 0 })).toBe('in use');
        expect(await sideOf(one).sales(0, 9)).toHaveLength(1);
        await sideOf(one).trim(1);
        // Of one that is only old: a repeat of what it sold would get another answer.
        expect(await other.forget('seats', { idleMs: 0 })).toBe('in use');
        expect(await other.forget('seats')).toBe('forgotten');
        expect(await sideOf(one).status()).toMatchObject({ left: 0, lastSequence: 0, generation: null });
        expect(await sideOf(one).load(3, 'l')).toBe(3);
      });

      test('a side that has lost its data goes on where the database is, as another generation', async () => {
        await sideOf(one).rebuild({ left: 40, loaded: 100, sequence: 60 });
        const rebuilt = await sideOf(other).status();
        expect(rebuilt).toMatchObject({ left: 40, loaded: 100, lastSequence: 60, trimmedTo: 60, logged: 0 });
        expect(rebuilt.generation).toMatch(/^[0-9a-f-]{36}$/);
        expect(await sideOf(other).take(1, 'a', BOUNDED)).toEqual({ left: 39, sequence: 61 });
        await expect(sideOf(one).rebuild({ left: 40, loaded: 100, sequence: 99 })).rejects.toThrow(
          'Write them back first',
        );
        await sideOf(one).trim(61);
        await expect(sideOf(one).rebuild({ left: 40, loaded: 100, sequence: 60 })).rejects.toThrow(MisuseError);
        await sideOf(one).rebuild({ left: 30, loaded: 100, sequence: 70 });
        const again = await sideOf(other).status();
        expect(again).toMatchObject({ left: 30, lastSequence: 70 });
        expect(again.generation).not.toBe(rebuilt.generation);
        // What it sold is still sold.
        expect(await sideOf(other).take(1, 'a', BOUNDED)).toEqual({ left: 39, sequence: 61 });
      });
    });
  });
}
