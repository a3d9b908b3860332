import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMismatchError, LeaseLostError, MisuseError, StoreError } from '../../lib/errors.ts';
import { Event } from '../../lib/primitives/event.ts';
import { Queue } from '../../lib/primitives/queue.ts';
import type { QueueItem } from '../../lib/primitives/queue-item.ts';
import type { Store } from '../../lib/store/store.ts';
import type { Parties } from './parties.ts';

/** What every store that keeps queues must do with them. */
export function describeQueues(kind: string, open: () => Parties): void {
  describe(`queues ${kind}`, () => {
    let parties: Parties;
    let one: Store;
    let other: Store;
    let third: Store;

    beforeEach(() => {
      parties = open();
      ({ one, other, third } = parties);
    });

    afterEach(() => parties.close());

    const queueOf = (store: Store, maxSize?: number) =>
      new Queue<unknown>('todo', { store, ...(maxSize === undefined ? {} : { maxSize }) });
    const valueIn = (item: QueueItem<unknown> | null) => item?.value ?? null;
    const waiters = async (store: Store) => (await queueOf(store).status()).waiting;
    const untilWaiting = async (store: Store, many: number) => {
      while ((await waiters(store)) < many) await store.changed('todo', { timeoutMs: 100, keepAlive: true });
    };

    test('items come in the order in which they were put, each to one', async () => {
      for (let at = 1; at <= 6; at++) expect(await queueOf(at % 2 ? one : other).put(at)).toBe(at);
      const items = [];
      for (const store of [one, other, third, one, other, third]) items.push(await queueOf(store).get());
      expect(items.map((item) => [item.value, item.sequence, item.attempt])).toEqual(
        [1, 2, 3, 4, 5, 6].map((at) => [at, at, 1]),
      );
      expect(await queueOf(one).tryGet()).toBeNull();
      expect(await queueOf(one).status()).toEqual({ queued: 0, taken: 6, waiting: 0 });
      for (const item of items) await item.done();
      expect(await queueOf(one).status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
      const tokens = items.map(({ token }) => token);
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    });

    test('whoever waits first gets the next item', async () => {
      const first = queueOf(one).get();
      await untilWaiting(one, 1);
      const second = queueOf(other).get();
      await untilWaiting(one, 2);
      await queueOf(third).put('a');
      await queueOf(third).put('b');
      expect([(await first).value, (await second).value]).toEqual(['a', 'b']);
    });

    test('a try does not overtake a waiter, and takes nothing from an empty queue', async () => {
      const first = queueOf(one).get();
      await untilWaiting(one, 1);
      expect(await queueOf(other).tryGet()).toBeNull();
      await queueOf(third).put('a');
      expect(valueIn(await first)).toBe('a');
      expect(await queueOf(third).size()).toBe(0);
    });

    test('an item that is given back is the next one, before all that were never taken, and counts its attempts', async () => {
      for (const value of ['a', 'b', 'c', 'd']) await queueOf(one).put(value);
      const [a, b] = [await queueOf(one).get(), await queueOf(other).get()];
      await a.giveBack();
      await b.giveBack();
      const again = [];
      for (const store of [third, one, other, third]) again.push(await queueOf(store).get());
      expect(again.map((item) => `${item.value}${item.attempt}`)).toEqual(['a2', 'b2', 'c1', 'd1']);
    });

    test('the same, whichever of two is given back first', async () => {
      for (const value of ['a', 'b', 'c']) await queueOf(one).put(value);
      const [a, b] = [await queueOf(one).get(), await queueOf(other).get()];
      await b.giveBack();
      await a.giveBack();
      const again = [];
      for (const store of [third, one, other]) again.push(await queueOf(store).get());
      expect(again.map(({ value }) => value)).toEqual(['a', 'b', 'c']);
    });

    test('an item that is given back goes to whoever waits', async () => {
      await queueOf(one).put('a');
      const a = await queueOf(one).get();
      const waiting = queueOf(other).get();
      await untilWaiting(one, 1);
      await a.giveBack();
      expect((await waiting).attempt).toBe(2);
    });

    test('the item of one that is killed goes to a waiter, and to a newcomer', async () => {
      await queueOf(one).put('a');
      await queueOf(one).put('b');
      const [a, b] = [await queueOf(one).get(), await queueOf(one).get()];
      const waiting = queueOf(other).get();
      await untilWaiting(third, 1);
      parties.kill(one);
      expect(await waiting).toMatchObject({ value: a.value, attempt: 2 });
      expect(await queueOf(third).tryGet()).toMatchObject({ value: b.value, attempt: 2 });
      expect(await queueOf(third).tryGet()).toBeNull();
    });

    test('the item that a killed waiter is given goes on to the next', async () => {
      void queueOf(one)
        .get()
        .catch(() => undefined);
      await untilWaiting(other, 1);
      const waiting = queueOf(other).get();
      await untilWaiting(third, 2);
      parties.kill(one);
      await queueOf(third).put('a');
      expect(valueIn(await waiting)).toBe('a');
    });

    test('what is done is done once: it is not there again, and is not given back any more', async () => {
      await queueOf(one).put('a');
      const a = await queueOf(one).get();
      await a.done();
      await a.done();
      await expect(a.giveBack()).rejects.toThrow('was done before');
      expect(a.held).toBe(false);
      await queueOf(one).put('b');
      const b = await queueOf(one).get();
      await b.giveBack();
      await b.giveBack();
      await expect(b.done()).rejects.toThrow(MisuseError);
      expect(await queueOf(other).status()).toEqual({ queued: 1, taken: 0, waiting: 0 });
    });

    test('whoever was robbed of an item learns that, and ends nothing of its successor', async () => {
      await queueOf(one).put('a');
      const a = await queueOf(one).get();
      await other.evict('todo', (await other.snapshot('todo'))?.entries[0]?.ticket ?? 0, {
        reason: 'broken',
        by: 'me',
      });
      const again = await queueOf(other).get();
      await expect(a.done()).rejects.toThrow(LeaseLostError);
      expect(await queueOf(one).status()).toEqual({ queued: 0, taken: 1, waiting: 0 });
      await again.done();
    });

    test('a block that ends without done gives the item back, and one that is done does not', async () => {
      await queueOf(one).put('a');
      {
        await using item = await queueOf(one).get();
        expect(item.attempt).toBe(1);
      }
      {
        await using item = await queueOf(other).get();
        expect(item.attempt).toBe(2);
        await item.done();
      }
      expect(await queueOf(one).status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
    });

    test('a wait that ends without an item leaves nothing in line', async () => {
      expect(await queueOf(one).get({ timeout: 20 })).toBeNull();
      const controller = new AbortController();
      const aborted = queueOf(one).get({ signal: controller.signal });
      await untilWaiting(one, 1);
      controller.abort(new Error('enough'));
      await expect(aborted).rejects.toThrow('enough');
      await expect(queueOf(one).get({ signal: AbortSignal.abort() })).rejects.toThrow('abort');
      expect(await queueOf(other).status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
      await queueOf(other).put('a');
      expect(await queueOf(other).size()).toBe(1);
    });

    test('a full queue takes no more until one was taken; a put waits for that', async () => {
      expect(await queueOf(one, 2).put('a')).toBe(1);
      expect(await queueOf(one, 2).put('b')).toBe(2);
      expect(await queueOf(one, 2).tryPut('c')).toBeNull();
      expect(await queueOf(one, 2).put('c', { timeout: 20 })).toBeNull();
      const waiting = queueOf(other, 2).put('c');
      const controller = new AbortController();
      const aborted = queueOf(third, 2).put('d', { signal: controller.signal });
      controller.abort(new Error('enough'));
      await expect(aborted).rejects.toThrow('enough');
      expect(await queueOf(one).size()).toBe(2);
      await queueOf(one).get();
      expect(await waiting).toBe(3);
      expect(await queueOf(one).size()).toBe(2);
      // Another object may have another bound.
      expect(await queueOf(one).tryPut('d')).toBe(4);
    });

    test('an id is put once, whoever puts it, also after it is done; without an id each is put', async () => {
      expect(await queueOf(one).put('a', { id: 'order-1' })).toBe(1);
      expect(await queueOf(other).put('a', { id: 'order-1' })).toBe(1);
      await (await queueOf(third).get()).done();
      expect(await queueOf(third).put('a', { id: 'order-1' })).toBe(1);
      expect(await queueOf(one).size()).toBe(0);
      expect(await queueOf(one, 1).put('b', { id: 'order-2' })).toBe(2);
      // A repeat of what was put is answered also by a full queue.
      expect(await queueOf(one, 1).tryPut('b', { id: 'order-2' })).toBe(2);
      await queueOf(one).put('c');
      await queueOf(one).put('c');
      expect(await queueOf(one).size()).toBe(3);
      for (const id of ['', 'x'.repeat(201), '\n', 7 as never])
        await expect(queueOf(one).put('d', { id })).rejects.toThrow(MisuseError);
    });

    test('a join ends when nothing is queued and nothing taken is unfinished', async () => {
      expect(await queueOf(one).join({ timeout: 0 })).toBe(true);
      await queueOf(one).put('a');
      expect(await queueOf(one).join({ timeout: 20 })).toBe(false);
      const a = await queueOf(other).get();
      expect(await queueOf(one).join({ timeout: 20 })).toBe(false);
      await expect(queueOf(one).join({ signal: AbortSignal.abort() })).rejects.toThrow('abort');
      const joined = queueOf(one).join();
      await a.giveBack();
      await (await queueOf(third).get()).done();
      expect(await joined).toBe(true);
    });

    test('a handler gets item after item, and the one that it fails at is queued again', async () => {
      for (let at = 1; at <= 4; at++) await queueOf(one).put(at);
      const handled: unknown[] = [];
      const handler = (value: unknown) => {
        if (value === 4) throw new Error('cannot do four');
        handled.push(value);
      };
      await expect(queueOf(other).run(handler, { concurrency: 2 })).rejects.toThrow('cannot do four');
      expect(handled).toEqual([1, 2, 3]);
      expect(await queueOf(one).status()).toEqual({ queued: 1, taken: 0, waiting: 0 });
    });

    test('a run ends with its signal, after what it handles then', async () => {
      const controller = new AbortController();
      await queueOf(one).put('a');
      const handled: unknown[] = [];
      await queueOf(other).run(
        async (value) => {
          controller.abort();
          await queueOf(one).put('b');
          handled.push(value);
        },
        { signal: controller.signal },
      );
      expect(handled).toEqual(['a']);
      expect(await queueOf(one).status()).toEqual({ queued: 1, taken: 0, waiting: 0 });
    });

    test('an item arrives as it was put', async () => {
      const values = [null, true, -0.5, '', '票\n"\\\0\ud800', [], [[1, [null]]], {}, { 'é"': { a: [1] }, b: 1e21 }];
      for (const value of values) await queueOf(one).put(value);
      for (const value of values) expect((await queueOf(other).get()).value).toEqual(value);
      await queueOf(one).put(JSON.parse('{"__proto__":1}'));
      expect(Object.hasOwn((await queueOf(one).get()).value as object, '__proto__')).toBe(true);
    });

    test('what would arrive as something else is refused in words, and nothing is put', async () => {
      const cycle: unknown[] = [];
      cycle.push(cycle);
      const wrong: Array<[unknown, string]> = [
        [undefined, 'the item is undefined'],
        [Number.NaN, 'the item is NaN'],
        [[1, Number.POSITIVE_INFINITY], 'the item[1] is Infinity'],
        [1n, 'the item is a bigint'],
        [() => 1, 'the item is a function'],
        [{ a: { b: Symbol('s') } }, 'the item["a"]["b"] is a symbol'],
        [new Date(0), 'the item is an object of Date, which would arrive as something else'],
        [{ at: new Map() }, 'the item["at"] is an object of Map'],
        [[undefined], 'the item[0] is undefined'],
        [new Array(2), 'the item[0] is undefined'],
        [{ toJSON: () => 1 }, 'would arrive as something else'],
        [cycle, 'contains itself'],
        ['x'.repeat(70_000), 'the item takes 70006 bytes in the journal, and may take 61440'],
      ];
      for (const [value, words] of wrong) {
        await expect(queueOf(one).put(value)).rejects.toThrow(MisuseError);
        await expect(queueOf(one).put(value)).rejects.toThrow(words);
      }
      expect(await one.names()).toEqual([]);
    });

    test('an item of the greatest size arrives', async () => {
      const value = 'x'.repeat(61_440 - 6);
      await queueOf(one).put(value, { id: '票'.repeat(200) });
      expect((await queueOf(other).get()).value).toBe(value);
    });

    test('a queue that has all that it may refuses more in words', async () => {
      const value = 'x'.repeat(60_000);
      let put = 0;
      await expect(
        (async () => {
          for (; put < 400; put++) await queueOf(one).put(value);
        })(),
      ).rejects.toThrow('takes no more. Nothing was put. Get some of them first');
      expect(put).toBe(Math.floor((16 * 1024 * 1024) / 60_006));
      await expect(queueOf(other).put(value)).rejects.toThrow(StoreError);
      await (await queueOf(other).get()).done();
      expect(await queueOf(other).put(value)).toBe(put + 1);
    });

    test('numbers that are none are misuse, and so is another kind of resource', async () => {
      for (const maxSize of [0, -1, 0.5, 65_537, Number.NaN]) expect(() => queueOf(one, maxSize)).toThrow(MisuseError);
      await expect(queueOf(one).run(() => 1, { concurrency: 0 })).rejects.toThrow(MisuseError);
      await expect(queueOf(one).run(7 as never)).rejects.toThrow(MisuseError);
      await expect(queueOf(one).get({ timeout: -1 })).rejects.toThrow(MisuseError);
      await new Event('todo', { store: one }).set();
      await expect(queueOf(other).put(1)).rejects.toThrow(ConfigMismatchError);
      await expect(queueOf(other).get()).rejects.toThrow(ConfigMismatchError);
      await expect(queueOf(other).size()).rejects.toThrow(ConfigMismatchError);
    });

    test('a queue with items is not forgotten, and one that remembers an id is not merely old', async () => {
      await queueOf(one).put('a', { id: 'a' });
      expect(await other.forget('todo')).toBe('in use');
      const a = await queueOf(one).get();
      expect(await other.forget('todo')).toBe('in use');
      await a.done();
      expect(await other.forget('todo', { idleMs: 0 })).toBe('in use');
      expect(await other.forget('todo')).toBe('forgotten');
      expect(await queueOf(one).put('a', { id: 'a' })).toBe(1);
      expect(await queueOf(one).size()).toBe(1);
    });
  });
}
