import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  Barrier,
  BrokenBarrierError,
  Condition,
  ConfigMismatchError,
  Counter,
  Event,
  Lock,
  MisuseError,
  RLock,
  StoreError,
} from '../../lib/index.ts';
import type { Lease } from '../../lib/primitives/lease.ts';
import type { Store } from '../../lib/store/store.ts';
import { errorOf, Gate, lineWhere, standing, waiting } from './line-watch.ts';
import type { Parties } from './parties.ts';

/** Long enough to be none, for waits that must end by themselves. */
const LONG = { timeout: 20_000 };

/** What the primitives that let processes meet must do, whatever store their lines are in. */
export function describeMeetings(kind: string, open: () => Parties): void {
  describe(kind, () => {
    let parties: Parties;
    let one: Store;
    let other: Store;
    let third: Store;

    beforeEach(() => {
      parties = open();
      ({ one, other, third } = parties);
    });

    afterEach(() => parties.close());

    describe('Event', () => {
      const bellOf = (store: Store) => new Event('bell', { store });

      test('lets all go on who wait as it is set, and who comes while it is', async () => {
        expect(await bellOf(one).isSet()).toBe(false);
        const waits = [bellOf(one).wait(LONG), bellOf(other).wait(LONG), bellOf(other).wait()];
        await waiting(one, 'bell', 3);
        await bellOf(one).set();
        expect(await Promise.all(waits)).toEqual([true, true, true]);
        expect(await bellOf(other).isSet()).toBe(true);
        expect(await bellOf(other).wait({ timeout: 0 })).toBe(true);
        expect(await standing(one, 'bell')).toBe(0);
      });

      test('that is cleared at once after it was set lets go on who waited, and nobody who comes later', async () => {
        const wait = bellOf(one).wait(LONG);
        await waiting(other, 'bell', 1);
        await bellOf(other).set();
        await bellOf(other).clear();
        expect(await wait).toBe(true);
        expect(await bellOf(one).isSet()).toBe(false);
        expect(await bellOf(one).wait({ timeout: 0 })).toBe(false);
      });

      test('not set in time is false, and leaves nothing in line', async () => {
        expect(await bellOf(one).wait({ timeout: 20 })).toBe(false);
        expect(await standing(other, 'bell')).toBe(0);
      });

      test('ends a wait with the reason of its signal, and leaves nothing in line', async () => {
        const reason = new Error('no longer wanted');
        const controller = new AbortController();
        const wait = bellOf(one).wait({ signal: controller.signal });
        await waiting(other, 'bell', 1);
        controller.abort(reason);
        await expect(wait).rejects.toBe(reason);
        await expect(bellOf(one).wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        expect(await standing(other, 'bell')).toBe(0);
      });

      test('notifies a waiter that is taken out of the line', async () => {
        const wait = errorOf(bellOf(one).wait());
        const { entries } = await lineWhere(other, 'bell', (line) => line.entries.length === 1);
        await other.evict('bell', entries[0]?.ticket ?? 0, { reason: 'broken', by: 'a test' });
        const error = await wait;
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ code: 'EVICTED' });
      });

      test('is distinguished from a lock of its name', async () => {
        await bellOf(one).set();
        await expect(new Lock('bell', { store: other }).acquire()).rejects.toThrow(ConfigMismatchError);
        await new Lock('door', { store: one }).withLock(() => undefined);
        await expect(new Event('door', { store: other }).isSet()).rejects.toThrow('is a lock');
        await expect(new Event('door', { store: other }).set()).rejects.toThrow(ConfigMismatchError);
      });
    });

    describe('Condition', () => {
      const queueOf = (store: Store) => new Condition('queue', { store });

      /** One more waits under the lock, and stands in line by now. */
      async function waits(store: Store, then: (lease: Lease) => unknown = () => undefined) {
        const before = await standing(one, 'queue');
        const condition = queueOf(store);
        const done = condition.withLock(async (lease) => {
          expect(await condition.wait(LONG)).toBe(true);
          await then(lease);
        });
        await lineWhere(one, 'queue', ({ entries }) => entries.length === before + 1);
        return { done };
      }

      const notify = (store: Store, count?: number) => {
        const condition = queueOf(store);
        return condition.withLock(() => (count === undefined ? condition.notifyAll() : condition.notify(count)));
      };

      test('gives the lock up while it waits, and has it again in the same lease, with a newer token', async () => {
        const condition = queueOf(one);
        let before = 0;
        const done = condition.withLock(async (lease) => {
          before = lease.token;
          expect(await condition.wait(LONG)).toBe(true);
          expect(lease.held).toBe(true);
          expect(lease.token).toBeGreaterThan(before);
          expect(await new Lock('queue.lock', { store: other }).tryAcquire()).toBeNull();
          await lease.assertHeld();
        });
        await waiting(other, 'queue', 1);
        const notifier = queueOf(other);
        await notifier.withLock(async ({ token }) => {
          expect(token).toBeGreaterThan(before);
          expect(await notifier.notify()).toBe(1);
        });
        await done;
        expect([await standing(one, 'queue'), await standing(one, 'queue.lock')]).toEqual([0, 0]);
      });

      test('wakes exactly so many as are notified, those who came first, and then all, one after the other', async () => {
        const woken: number[] = [];
        let inside = 0;
        const all: Promise<void>[] = [];
        for (let place = 0; place < 5; place++) {
          const { done } = await waits(place % 2 === 0 ? one : other, async () => {
            inside += 1;
            expect(inside).toBe(1);
            await new Promise((resolve) => setImmediate(resolve));
            inside -= 1;
            woken.push(place);
          });
          all.push(done);
        }
        expect(await notify(other, 0)).toBe(0);
        expect(await notify(other, 2)).toBe(2);
        await Promise.all(all.slice(0, 2));
        expect(woken.sort()).toEqual([0, 1]);
        expect(await standing(one, 'queue')).toBe(3);
        expect(await notify(one)).toBe(3);
        await Promise.all(all);
        expect(woken.sort()).toEqual([0, 1, 2, 3, 4]);
        expect(await notify(one)).toBe(0);
      });

      test('has the lock held, and nobody in line, after a wait in vain', async () => {
        const condition = queueOf(one);
        await condition.withLock(async (lease) => {
          const before = lease.token;
          expect(await condition.wait({ timeout: 20 })).toBe(false);
          expect(lease.held).toBe(true);
          expect(lease.token).toBeGreaterThan(before);
          expect(await queueOf(other).tryAcquire()).toBeNull();
          expect(await standing(other, 'queue')).toBe(0);
        });
        expect(await queueOf(other).tryAcquire()).not.toBeNull();
      });

      test('takes as long as the lock does to be held again after a wait in vain', async () => {
        const condition = queueOf(one);
        const gate = new Gate();
        const inVain = condition.withLock(() => condition.wait({ timeout: 20 }));
        await waiting(other, 'queue', 1);
        const holding = new Lock('queue.lock', { store: other }).withLock(() => gate.opened);
        // Its time is over: it waits for the lock by now.
        await waiting(other, 'queue.lock', 1);
        gate.open();
        await holding;
        expect(await inVain).toBe(false);
      });

      test('rejects with the reason of its signal, with the lock not held, and without taking a wake-up', async () => {
        const [condition, controller, reason] = [queueOf(one), new AbortController(), new Error('no longer wanted')];
        const lease = await condition.acquire();
        const wait = condition.wait({ signal: controller.signal });
        await waiting(other, 'queue', 1);
        const next = await waits(other);
        controller.abort(reason);
        await expect(wait).rejects.toBe(reason);
        expect(lease.held).toBe(false);
        expect(await standing(other, 'queue')).toBe(1);
        expect(await notify(one, 1)).toBe(1);
        await next.done;
        await lease.release();
        expect([await standing(one, 'queue'), await standing(one, 'queue.lock')]).toEqual([0, 0]);
      });

      test('passes on its wake-up when it is aborted after it was woken, before it has the lock', async () => {
        const [condition, controller, reason] = [queueOf(one), new AbortController(), new Error('no longer wanted')];
        const wait = condition.withLock(() => condition.wait({ signal: controller.signal }));
        await waiting(other, 'queue', 1);
        const next = await waits(other);
        const notifier = queueOf(third);
        await notifier.withLock(async () => {
          expect(await notifier.notify(1)).toBe(1);
          await waiting(other, 'queue.lock', 1);
          controller.abort(reason);
          await expect(wait).rejects.toBe(reason);
        });
        await next.done;
        expect([await standing(one, 'queue'), await standing(one, 'queue.lock')]).toEqual([0, 0]);
      });

      test('passes on the wake-up of one that is killed before it has the lock', async () => {
        await third.join('queue', { kind: 'condition', permits: 1 }, { ask: 1, label: '', onlyIfGranted: false });
        const next = await waits(one);
        expect(await notify(other, 1)).toBe(1);
        parties.kill(third);
        await next.done;
      });

      test('waits for what is asked under the lock, however often it is woken before', async () => {
        let items = 0;
        const condition = queueOf(one);
        const asked: number[] = [];
        const taken = condition.withLock(() =>
          condition.waitFor(() => {
            asked.push(items);
            return items === 2 && 'two';
          }, LONG),
        );
        for (const put of [1, 2]) {
          await waiting(other, 'queue', 1);
          const putter = queueOf(other);
          await putter.withLock(async () => {
            items = put;
            await putter.notify();
          });
        }
        expect(await taken).toBe('two');
        expect(asked).toEqual([0, 1, 2]);
      });

      test('comes to what was asked last when the time is over, with the lock held', async () => {
        const condition = queueOf(one);
        await condition.withLock(async (lease) => {
          expect(await condition.waitFor(() => 0, { timeout: 20 })).toBe(0);
          expect(lease.held).toBe(true);
          expect(await condition.waitFor(() => 'at once', { timeout: 0 })).toBe('at once');
        });
        expect(await standing(one, 'queue')).toBe(0);
      });

      test('is misused without its lock, also when its lock was not taken by it', async () => {
        const condition = queueOf(one);
        const misuses = [
          () => condition.wait(),
          () => condition.notify(),
          () => condition.notifyAll(),
          () => condition.waitFor(() => true),
        ];
        for (const call of misuses) await expect(call()).rejects.toThrow(MisuseError);
        await condition.lock.withLock(async () => {
          for (const call of misuses) await expect(call()).rejects.toThrow('queue.lock');
        });
        await condition.withLock(() => undefined);
        for (const call of misuses) await expect(call()).rejects.toThrow(MisuseError);
        await condition.withLock(async () => {
          for (const count of [-1, 1.5, Number.NaN]) await expect(condition.notify(count)).rejects.toThrow(MisuseError);
          await expect(condition.wait({ timeout: -1 })).rejects.toThrow(MisuseError);
        });
        expect(await standing(other, 'queue')).toBe(0);
      });

      test('takes the lock that it is given', async () => {
        const full = new Condition('full', { store: one, lock: new Lock('buffer', { store: one }) });
        const empty = new Condition('empty', { store: other, lock: new Lock('buffer', { store: other }) });
        const done = full.withLock(() => full.wait(LONG));
        await waiting(other, 'full', 1);
        await empty.withLock(async () => {
          const notifier = new Condition('full', { store: other, lock: empty.lock });
          await expect(notifier.notify()).rejects.toThrow(MisuseError);
          expect(await full.lock.tryAcquire()).toBeNull();
        });
        const notifier = new Condition('full', { store: other, lock: empty.lock });
        await notifier.withLock(() => notifier.notify());
        expect(await done).toBe(true);
      });

      test('gives up an RLock that is held twice, and has it twice again', async () => {
        const condition = new Condition('queue', { store: one, lock: new RLock('deploy', { store: one }) });
        const done = condition.withLock((outer) =>
          condition.withLock(async (inner) => {
            expect(await condition.wait(LONG)).toBe(true);
            expect([outer.held, inner.held, outer.token]).toEqual([true, true, inner.token]);
            await inner.release();
            expect(await new Lock('deploy', { store: other }).tryAcquire()).toBeNull();
            expect(outer.held).toBe(true);
          }),
        );
        await waiting(other, 'queue', 1);
        const notifier = new Condition('queue', { store: other, lock: new Lock('deploy', { store: other }) });
        await notifier.withLock(() => notifier.notify());
        await done;
        expect(await standing(one, 'deploy')).toBe(0);
      });
    });

    describe('Barrier', () => {
      const startOf = (store: Store, count = 3) => new Barrier('start', count, { store });
      const broken = (wait: Promise<number>) => errorOf(wait) as Promise<BrokenBarrierError>;

      test('gives each of those that meet another number, in the order of arrival', async () => {
        const first = startOf(one).wait();
        await waiting(other, 'start', 1);
        const second = startOf(other).wait(LONG);
        await waiting(other, 'start', 2);
        expect(await startOf(one).waiting()).toBe(2);
        expect(await startOf(third).wait()).toBe(2);
        expect(await Promise.all([first, second])).toEqual([0, 1]);
        expect([await standing(one, 'start'), await startOf(one).waiting()]).toEqual([0, 0]);
      });

      test('has them meet again and again, however fast some are, and no round begins before the last has ended', async () => {
        const rounds = Array.from({ length: 6 }, () => [] as number[]);
        const at = [0, 0, 0];
        const run = async (store: Store, who: number) => {
          for (const [round, indices] of rounds.entries()) {
            at[who] = round;
            indices.push(await startOf(store).wait(LONG));
            expect(Math.min(...at)).toBeGreaterThanOrEqual(round);
          }
        };
        await Promise.all([run(one, 0), run(other, 1), run(third, 2)]);
        expect(rounds.map((indices) => indices.sort())).toEqual(rounds.map(() => [0, 1, 2]));
      });

      test('that is aborted is broken for who waits and for who comes, until it is reset', async () => {
        const wait = broken(startOf(one).wait());
        await waiting(other, 'start', 1);
        await startOf(other).abort();
        expect(await wait).toBeInstanceOf(BrokenBarrierError);
        expect((await wait).timedOut).toBe(false);
        expect(await broken(startOf(third).wait())).toBeInstanceOf(BrokenBarrierError);
        expect(await startOf(one).broken()).toBe(true);
        await startOf(one).reset();
        expect(await startOf(other).broken()).toBe(false);
        expect((await Promise.all([one, other, third].map((store) => startOf(store).wait(LONG)))).sort()).toEqual([
          0, 1, 2,
        ]);
      });

      test('that is reset ends who waits, and is not broken', async () => {
        const wait = broken(startOf(one).wait());
        await waiting(other, 'start', 1);
        await startOf(other).reset();
        expect(await wait).toBeInstanceOf(BrokenBarrierError);
        expect(await startOf(one).broken()).toBe(false);
      });

      test('is broken for the others by one whose time is over, whose error states that it was its own', async () => {
        const patient = broken(startOf(one).wait());
        await waiting(other, 'start', 1);
        const hasty = await broken(startOf(other).wait({ timeout: 20 }));
        expect([hasty.timedOut, hasty.message]).toEqual([true, expect.stringContaining('within 20 ms')]);
        expect(await patient).toBeInstanceOf(BrokenBarrierError);
        expect((await patient).timedOut).toBe(false);
        expect(await standing(one, 'start')).toBe(0);
      });

      test('is broken for the others by one whose signal aborts, which rejects with its reason', async () => {
        const [controller, reason] = [new AbortController(), new Error('no longer wanted')];
        const patient = broken(startOf(one).wait());
        await waiting(other, 'start', 1);
        const aborted = startOf(other).wait({ signal: controller.signal });
        await waiting(one, 'start', 2);
        controller.abort(reason);
        await expect(aborted).rejects.toBe(reason);
        expect(await patient).toBeInstanceOf(BrokenBarrierError);
      });

      const MEETING = { kind: 'barrier', permits: 4 };
      const REQUEST = { ask: 1, label: '', onlyIfGranted: false };

      test('is broken by the death of one that waits', async () => {
        const wait = broken(startOf(one, 4).wait());
        await waiting(other, 'start', 1);
        await third.join('start', MEETING, REQUEST);
        parties.kill(third);
        expect(await wait).toBeInstanceOf(BrokenBarrierError);
        expect(await startOf(other, 4).broken()).toBe(true);
      });

      test('is broken for one that finds somebody dead there as it comes, and does not let it go on', async () => {
        // Nobody looks after these two, so the newcomer is the first to see.
        await one.join('start', MEETING, REQUEST);
        await third.join('start', MEETING, REQUEST);
        parties.kill(third);
        expect(await broken(startOf(other, 4).wait(LONG))).toBeInstanceOf(BrokenBarrierError);
      });

      test('is not broken by what the dead of an earlier run left there', async () => {
        await third.join('start', MEETING, REQUEST);
        await third.join('start', MEETING, REQUEST);
        parties.kill(third);
        const waits = [];
        for (let place = 0; place < 4; place++) {
          waits.push(startOf(place % 2 === 0 ? one : other, 4).wait(LONG));
          if (place < 3) await waiting(one, 'start', place + 1);
        }
        expect(await Promise.all(waits)).toEqual([0, 1, 2, 3]);
      });

      test('of one party lets it go on at once', async () => {
        const alone = new Barrier('alone', 1, { store: one });
        expect([await alone.wait(), await alone.wait()]).toEqual([0, 0]);
      });

      test.each([0, -1, 1.5, Number.NaN])('of %s parties is misuse', (count) => {
        expect(() => startOf(one, count)).toThrow(MisuseError);
      });

      test('of another number of parties is a mistake that is reported', async () => {
        await startOf(one).reset();
        for (const call of [
          () => startOf(other, 2).wait(),
          () => startOf(other, 2).broken(),
          () => startOf(other, 2).abort(),
        ])
          await expect(call()).rejects.toThrow('barrier of 3 parties');
      });
    });

    describe('Counter', () => {
      const scoreOf = (store: Store) => new Counter('score', { store });

      test('loses no addition, and gives no two of them the same number', async () => {
        const sums = await Promise.all(
          Array.from({ length: 30 }, (_, index) => scoreOf([one, other, third][index % 3] as Store).add()),
        );
        expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
        expect(await scoreOf(one).get()).toBe(30);
      });

      test('is 0 at first, and goes below it', async () => {
        expect(await scoreOf(one).get()).toBe(0);
        expect(await scoreOf(one).add(-5)).toBe(-5);
        expect(await scoreOf(other).add(0)).toBe(-5);
      });

      test('refuses a sum that no number holds exactly, and is not changed', async () => {
        const most = Number.MAX_SAFE_INTEGER;
        await scoreOf(one).add(most);
        await expect(scoreOf(other).add(1)).rejects.toThrow(MisuseError);
        await expect(scoreOf(other).add(most)).rejects.toThrow('not changed');
        for (const by of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
          await expect(scoreOf(other).add(by)).rejects.toThrow(MisuseError);
        expect(await scoreOf(other).get()).toBe(most);
      });

      test('is distinguished from an event of its name', async () => {
        await scoreOf(one).add();
        await expect(new Event('score', { store: other }).set()).rejects.toThrow(ConfigMismatchError);
        await new Event('bell', { store: one }).set();
        await expect(new Counter('bell', { store: other }).get()).rejects.toThrow(ConfigMismatchError);
      });
    });
  });
}
