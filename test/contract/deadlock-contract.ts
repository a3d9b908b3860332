import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DeadlockError, Lock, LockTimeoutError, Owner, RWLock, Semaphore } from '../../lib/index.ts';
import type { Lease } from '../../lib/primitives/lease.ts';
import type { Store } from '../../lib/store/store.ts';
import { errorOf, Gate, lineWhere, standing, waiting } from './line-watch.ts';
import type { Parties } from './parties.ts';

/** A wait that is part of a circle is told; a hang guard for those that must not be. */
const LONG = { timeout: 20_000 };
/** How often a waiter looks for a circle before it counts as having found none. */
const LOOKS = 3;

/** A store that counts how often somebody looks at a line, which is what a waiter does to find a circle. */
class Watched {
  readonly store: Store;
  readonly #looks = new Map<string, number>();
  #onLook: () => void = () => undefined;

  constructor(store: Store) {
    const looks = (names: readonly string[]) => {
      for (const name of names) this.#looks.set(name, this.#looksAt(name) + 1);
      this.#onLook();
      return store.snapshots(names);
    };
    this.store = new Proxy(store, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target);
        return key === 'snapshots' ? looks : typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** Resolves when a line has been looked at so often from now on. */
  async looksAt(name: string, count = LOOKS): Promise<void> {
    const enough = this.#looksAt(name) + count;
    while (this.#looksAt(name) < enough) {
      await new Promise<void>((resolve) => {
        this.#onLook = resolve;
      });
    }
  }

  #looksAt(name: string): number {
    return this.#looks.get(name) ?? 0;
  }
}

/** Waits that can never end are told; those that can are not. */
export function describeDeadlocks(kind: string, open: () => Parties): void {
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

    const lock = (name: string, store: Store) => new Lock(name, { store });

    /** Waits until somebody waits for a name, and it is written there what it keeps. */
    const keptWhileWaiting = (name: string) =>
      lineWhere(one, name, ({ entries }) =>
        entries.some((entry) => entry.state === 'waiting' && entry.keeps.held.length > 0),
      );

    test('two that hold what the other waits for: the one that closes the cycle gets an error, and the other goes on', async () => {
      const [gate, log] = [new Gate(), [] as string[]];
      const first = lock('a', one).withLock(async () => {
        await gate.opened;
        return lock('b', one).withLock(() => log.push('first has both'), LONG);
      });
      const second = lock('b', other).withLock(async () => {
        gate.open();
        await keptWhileWaiting('b');
        return lock('a', other).withLock(() => log.push('second has both'), LONG);
      });
      const error = (await errorOf(second)) as DeadlockError;
      expect(error).toBeInstanceOf(DeadlockError);
      expect(error.resource).toBe('a');
      expect(error.circle.map(({ waitsFor, holds }) => [waitsFor, holds?.resource])).toEqual([
        ['a', 'b'],
        ['b', 'a'],
      ]);
      await first;
      expect(log).toEqual(['first has both']);
      expect([await standing(one, 'a'), await standing(one, 'b')]).toEqual([0, 0]);
    });

    test('two that close a cycle at the same time: at least one gets an error, and all comes to an end', async () => {
      const [a, b] = [new Gate(), new Gate()];
      const first = lock('a', one).withLock(async () => {
        a.open();
        await b.opened;
        await lock('b', one).withLock(() => undefined, LONG);
      });
      const second = lock('b', other).withLock(async () => {
        b.open();
        await a.opened;
        await lock('a', other).withLock(() => undefined, LONG);
      });
      const ends = await Promise.allSettled([first, second]);
      const told = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
      expect(told.length).toBeGreaterThan(0);
      for (const error of told) expect(error).toBeInstanceOf(DeadlockError);
      expect([await standing(one, 'a'), await standing(one, 'b')]).toEqual([0, 0]);
    });

    test('deadlocks of flows that are declared by an Owner are reported with plain acquire too', async () => {
      const leases: Lease[] = [];
      const gate = new Gate();
      const first = new Owner().run(async () => {
        leases.push(await lock('a', one).acquire());
        await gate.opened;
        return lock('b', one).acquire(LONG);
      });
      const owner = new Owner();
      const held = await lock('b', other).acquire({ owner });
      gate.open();
      await keptWhileWaiting('b');
      const error = await errorOf(lock('a', other).acquire({ owner, ...LONG }));
      expect(error).toBeInstanceOf(DeadlockError);
      await held.release();
      leases.push(await first);
      for (const lease of leases) await lease.release();
      expect([await standing(one, 'a'), await standing(one, 'b')]).toEqual([0, 0]);
    });

    test('what an Owner has given back it does not keep', async () => {
      const owner = new Owner();
      const given = await lock('a', one).acquire({ owner });
      await given.release();
      const held = await lock('b', other).acquire();
      const waits = lock('b', one).acquire({ owner, ...LONG });
      await waiting(other, 'b', 1);
      const [entry] = (await lineWhere(other, 'b', ({ entries }) => entries.length === 2)).entries.slice(1);
      expect(entry?.keeps.held).toEqual([]);
      await held.release();
      await (await waits).release();
    });

    test('a cycle of three is reported to one of them, and the others go on', async () => {
      const gates = [new Gate(), new Gate()];
      const ends = [
        lock('a', one).withLock(async () => {
          await gates[0]?.opened;
          await lock('b', one).withLock(() => undefined, LONG);
        }),
        lock('b', other).withLock(async () => {
          gates[0]?.open();
          await gates[1]?.opened;
          await lock('c', other).withLock(() => undefined, LONG);
        }),
        lock('c', third).withLock(async () => {
          await keptWhileWaiting('b');
          gates[1]?.open();
          await keptWhileWaiting('c');
          await lock('a', third).withLock(() => undefined, LONG);
        }),
      ];
      const error = (await errorOf(ends[2] as Promise<void>)) as DeadlockError;
      expect(error).toBeInstanceOf(DeadlockError);
      expect(error.circle).toHaveLength(3);
      await Promise.all(ends.slice(0, 2));
    });

    test('a flow that waits inside for what it holds itself gets an error', async () => {
      await lock('a', one).withLock(async () => {
        const error = await errorOf(lock('a', one).acquire(LONG));
        expect(error).toBeInstanceOf(DeadlockError);
        expect(error.message).toContain('holds itself');
      });
      expect(await standing(other, 'a')).toBe(0);
    });

    test('a wait with a timeout for what its own flow holds is reported at once, not when the time is over', async () => {
      await lock('a', one).withLock(async () => {
        expect(await errorOf(lock('a', one).acquire({ timeout: 20_000 }))).toBeInstanceOf(DeadlockError);
        expect(await errorOf(lock('a', one).acquire({ timeout: 0 }))).toBeInstanceOf(LockTimeoutError);
      });
    });

    /** How the work of a flow may await a wait that it begins, and what that wait rejects with. */
    const AWAITED: Record<string, (ask: () => Promise<unknown>) => Promise<unknown>> = {
      'by await': async (ask) => void (await ask()),
      'by return': (ask) => ask(),
      'by return from an async function': async (ask) => ask(),
      'through async functions around it': async (ask) => void (await (async () => (async () => ask())())()),
      'through then': async (ask) => void (await ask().then((lease) => lease)),
      'through finally': async (ask) => void (await ask().finally(() => undefined)),
      'through Promise.all': async (ask) => void (await Promise.all([ask(), 1])),
      'through an async generator': async (ask) => {
        for await (const lease of (async function* () {
          yield await ask();
        })()) {
          expect(lease).toBeUndefined();
        }
      },
      'only some time after it began': async (ask) => {
        const asked = ask();
        await waiting(one, 'a', 1);
        await asked;
      },
    };

    test.each(Object.keys(AWAITED))(
      'a wait for what is held around it is reported if the work awaits it %s',
      async (how) => {
        const work = lock('a', one).withLock(() => AWAITED[how]?.(() => lock('a', one).acquire(LONG)));
        expect(await errorOf(work)).toBeInstanceOf(DeadlockError);
        expect(await standing(other, 'a')).toBe(0);
      },
    );

    /** How the work of a flow may begin a wait, and end without it. */
    const BESIDE: Record<string, (ask: () => Promise<unknown>) => unknown> = {
      'leaves alone': (ask) => ask(),
      'catches errors of': (ask) => ask().catch(() => undefined),
      'has awaited by a task that it leaves alone': (ask) => (async () => void (await ask()))(),
      'has returned by a task that it leaves alone': (ask) => (async () => ask())(),
    };

    test.each(
      Object.keys(BESIDE).flatMap((how) => [
        [how, 'at once'],
        [how, 'late'],
      ]),
    )(
      'a wait for what is held around it, which the work %s, is granted when the work is over, %s',
      async (how, when) => {
        const mine = new Watched(one);
        const later: Promise<unknown>[] = [];
        await lock('a', one).withLock(async () => {
          await lock('c', one).withLock(() => {
            BESIDE[how]?.(() => {
              const asked = lock('a', mine.store).withLock(() => 'in', LONG);
              later.push(asked);
              return asked;
            });
          });
          await waiting(one, 'a', 1);
          // Twice as long as until its second check.
          if (when === 'late') await new Promise<void>((resolve) => one.clock.timer(250, true, resolve));
        });
        expect(await Promise.all(later)).toEqual(['in']);
      },
    );

    test('a wait that its flow does not await closes no cycle through another process', async () => {
      const [held, entered] = [new Gate(), new Gate()];
      const beside: Promise<string>[] = [];
      const first = lock('a', one).withLock(async () => {
        held.open();
        await entered.opened;
        beside.push(lock('b', one).withLock(() => 'beside', LONG));
        await waiting(other, 'b', 1);
        await waiting(other, 'a', 1);
        return 'first';
      });
      // Else a store that does not answer at once may let it have both first.
      await held.opened;
      const second = lock('b', other).withLock(() => {
        entered.open();
        return lock('a', other).withLock(() => 'second', LONG);
      });
      expect(await Promise.all([first, second])).toEqual(['first', 'second']);
      expect(await Promise.all(beside)).toEqual(['beside']);
    });

    test('a sharer that asks for it exclusively gets an error, and one that shares beside is not in the way of that', async () => {
      const index = (store: Store) => new RWLock('index', { store });
      await using _beside = await index(other).acquire({ mode: 'shared' });
      await index(one).withLock(
        async () => {
          const error = await errorOf(index(one).acquire({ mode: 'exclusive', ...LONG }));
          expect(error).toBeInstanceOf(DeadlockError);
        },
        { mode: 'shared' },
      );
      expect(await standing(other, 'index')).toBe(1);
    });

    test('a wait for one who waits for a task beside, which will give back, is none', async () => {
      const [mine, theirs] = [new Watched(one), new Watched(other)];
      const [entered, gate] = [new Gate(), new Gate()];
      const task = lock('a', mine.store).withLock(() => {
        entered.open();
        return gate.opened;
      });
      await entered.opened;
      const others = lock('b', theirs.store).withLock(() => lock('a', theirs.store).withLock(() => 'both', LONG));
      await keptWhileWaiting('a');
      // It holds something itself, so that it looks for a circle.
      const beside = lock('c', mine.store).withLock(() => lock('b', mine.store).withLock(() => 'b', LONG));
      await Promise.all([mine.looksAt('b'), theirs.looksAt('a')]);
      gate.open();
      expect(await Promise.all([task, others, beside])).toEqual([undefined, 'both', 'b']);
    });

    describe('a semaphore of two', () => {
      const room = (store: Store) => new Semaphore('room', 2, { store });
      const lockInRoom = (store: Store) => room(store).withPermits(() => lock('a', store).withLock(() => 'in', LONG));

      test('of which one holder is free ties no knot', async () => {
        const [mine, theirs] = [new Watched(one), new Watched(other)];
        const [entered, gate] = [new Gate(), new Gate()];
        const free = await room(third).acquire();
        const others = lock('a', theirs.store).withLock(async () => {
          entered.open();
          await gate.opened;
          return room(theirs.store).withPermits(() => 'there', LONG);
        });
        await entered.opened;
        const inCycles = lockInRoom(mine.store);
        await keptWhileWaiting('a');
        gate.open();
        await keptWhileWaiting('room');
        await Promise.all([mine.looksAt('a'), theirs.looksAt('room')]);
        await free.release();
        expect(await Promise.all([others, inCycles])).toEqual(['there', 'in']);
      });

      test('of which both holders are in the cycle is reported to one', async () => {
        const [entered, gate] = [new Gate(), new Gate()];
        const others = lock('a', other).withLock(async () => {
          entered.open();
          await gate.opened;
          return room(other).withPermits(() => 'there', LONG);
        });
        await entered.opened;
        const inCycles = [lockInRoom(one), lockInRoom(third)];
        await lineWhere(one, 'a', ({ entries }) => entries.filter(({ keeps }) => keeps.held.length > 0).length === 2);
        gate.open();
        const error = (await errorOf(others)) as DeadlockError;
        expect(error).toBeInstanceOf(DeadlockError);
        expect(error.resource).toBe('room');
        expect(await Promise.all(inCycles)).toEqual(['in', 'in']);
      });
    });

    test('a cycle of which one is dead by now is not reported', async () => {
      const entered = new Gate();
      const gate = new Gate();
      await lock('b', third).acquire();
      const mine = lock('a', one).withLock(async () => {
        entered.open();
        await gate.opened;
        return lock('b', one).withLock(() => 'both', LONG);
      });
      await entered.opened;
      const entry = await third.join('a', { kind: 'lock', permits: 1 }, { ask: 1, label: '', onlyIfGranted: false });
      const [held] = third.held();
      await third.keep(entry, { held: [{ name: 'b', ticket: held?.ticket ?? 0 }], waits: 1 });
      parties.kill(third);
      gate.open();
      expect(await mine).toBe('both');
    });

    test('a waiter without detection waits on', async () => {
      await lock('a', one).withLock(async () => {
        const inVain = lock('a', one).acquire({ detectDeadlock: false, timeout: 60 });
        await expect(inVain).rejects.toThrow(LockTimeoutError);
      });
    });
  });
}

/** The same, where it takes its time. */
export function describePatience(kind: string, open: () => Parties): void {
  test(`${kind}, one who does not want to be told leaves it to another of the circle, and goes on after that`, async () => {
    const { one, other, close } = open();
    const lock = (name: string, store: Store) => new Lock(name, { store });
    const gate = new Gate();
    const first = lock('a', one).withLock(async () => {
      await gate.opened;
      return lock('b', one).withLock(() => 'first', LONG);
    });
    const second = lock('b', other).withLock(async () => {
      gate.open();
      await waiting(other, 'b', 1);
      return lock('a', other).withLock(() => 'second', { ...LONG, detectDeadlock: false });
    });
    expect(await errorOf(first)).toBeInstanceOf(DeadlockError);
    expect(await second).toBe('second');
    await close();
  });
}
