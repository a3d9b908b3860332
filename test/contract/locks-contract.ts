import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  BoundedSemaphore,
  ConfigMismatchError,
  LeaseLostError,
  Lock,
  LockManager,
  LockTimeoutError,
  MisuseError,
  Owner,
  RLock,
  RWLock,
  Semaphore,
} from '../../lib/index.ts';
import type { Store } from '../../lib/store/store.ts';
import { errorOf, Gate, standing, waiting } from './line-watch.ts';
import type { Parties } from './parties.ts';

const SOON = { timeout: 20 };

/** Whoever comes in while somebody is in is found out twice: by who is inside, and by an update that is lost. */
class Room {
  #inside = 0;
  most = 0;
  count = 0;

  async visit(): Promise<void> {
    this.#inside += 1;
    this.most = Math.max(this.most, this.#inside);
    const { count } = this;
    await new Promise((resolve) => setImmediate(resolve));
    this.count = count + 1;
    this.#inside -= 1;
  }
}

/** What the primitives whose lines have permits must do, whatever store their lines are in. */
export function describeLocks(kind: string, open: () => Parties): void {
  describe(kind, () => {
    let parties: Parties;
    let one: Store;
    let other: Store;

    beforeEach(() => {
      parties = open();
      ({ one, other } = parties);
    });

    afterEach(() => parties.close());

    describe('Lock', () => {
      const lockOf = (store: Store) => new Lock('deploy', { store });

      test('lets in one at a time, of both parties, and loses no update', async () => {
        const room = new Room();
        const visits = Array.from({ length: 24 }, (_, visit) =>
          lockOf(visit % 2 === 0 ? one : other).withLock(() => room.visit()),
        );
        await Promise.all(visits);
        expect([room.most, room.count]).toEqual([1, 24]);
        expect(await standing(one, 'deploy')).toBe(0);
      });

      test('lets in who waits in the order in which they came, with tokens that grow', async () => {
        const first = await lockOf(one).acquire();
        const order: number[] = [];
        const tokens = [first.token];
        const waits = [];
        for (let place = 0; place < 4; place++) {
          const wait = lockOf(place % 2 === 0 ? one : other).withLock(({ token }) => {
            order.push(place);
            tokens.push(token);
          });
          waits.push(wait);
          await waiting(one, 'deploy', place + 1);
        }
        await first.release();
        await Promise.all(waits);
        expect(order).toEqual([0, 1, 2, 3]);
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
      });

      test('is tried in vain while somebody holds it, or waits, and no trace is left of that', async () => {
        const held = await lockOf(one).tryAcquire();
        expect(held?.held).toBe(true);
        expect(await lockOf(other).tryAcquire()).toBeNull();
        expect(await lockOf(one).tryAcquire()).toBeNull();
        expect(await standing(one, 'deploy')).toBe(1);
        await held?.release();
        await using again = await lockOf(other).tryAcquire();
        expect(again?.token).toBeGreaterThan(held?.token ?? 0);
      });

      test('says who holds it when the time is over, and leaves nothing in line', async () => {
        await using held = await lockOf(one).acquire({ label: 'the holder' });
        for (const timeout of [0, 20]) {
          const error = (await errorOf(lockOf(other).acquire({ timeout }))) as LockTimeoutError;
          expect(error).toBeInstanceOf(LockTimeoutError);
          expect(error.holders).toMatchObject([{ token: held.token, command: 'the holder' }]);
          expect(error.message).toContain(`within ${timeout} ms`);
        }
        expect(await standing(one, 'deploy')).toBe(1);
      });

      test('ends a wait with the reason of its signal, and leaves nothing in line', async () => {
        await using _held = await lockOf(one).acquire();
        const reason = new Error('no longer wanted');
        await expect(lockOf(other).acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        const controller = new AbortController();
        const wait = lockOf(other).acquire({ signal: controller.signal });
        await waiting(one, 'deploy', 1);
        controller.abort(reason);
        await expect(wait).rejects.toBe(reason);
        expect(await standing(one, 'deploy')).toBe(1);
      });

      test('is given back by withLock after its work, however that ended', async () => {
        expect(await lockOf(one).withLock(async () => 7)).toBe(7);
        const failure = new Error('the work failed');
        await expect(lockOf(one).withLock(() => Promise.reject(failure))).rejects.toBe(failure);
        expect(await standing(other, 'deploy')).toBe(0);
      });

      test('is given back once, however often it is released', async () => {
        const lease = await lockOf(one).acquire();
        await lease.release();
        await using _next = await lockOf(other).acquire();
        await lease.release();
        expect(lease.held).toBe(false);
        expect(await standing(one, 'deploy')).toBe(1);
      });

      test('that is taken away notifies its holder, who then touches no successor', async () => {
        const lease = await lockOf(one).acquire();
        const told = new Promise((resolve) => lease.signal.addEventListener('abort', resolve, { once: true }));
        const next = lockOf(other).acquire();
        await other.evict('deploy', lease.token, { reason: 'broken by force', by: 'a test' });
        await told;
        expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
        expect(lease.held).toBe(false);
        await expect(lease.assertHeld()).rejects.toThrow(LeaseLostError);
        await expect(lease.release()).rejects.toThrow(LeaseLostError);
        expect((await next).held).toBe(true);
      });

      test('of one that is killed goes to who waits', async () => {
        await lockOf(parties.third).acquire();
        const next = lockOf(one).acquire();
        await waiting(other, 'deploy', 1);
        parties.kill(parties.third);
        expect((await next).held).toBe(true);
      });

      test('is no semaphore, and taking it for one is an error', async () => {
        await using _held = await lockOf(one).acquire();
        const call = () => new Semaphore('deploy', 2, { store: other }).acquire();
        await expect(call()).rejects.toThrow(ConfigMismatchError);
      });

      test('is taken at once where the store can, and is misused where it cannot', () => {
        if (one.sync) {
          const lease = lockOf(one).acquireSync();
          expect(lockOf(other).tryAcquireSync()).toBeNull();
          lease.releaseSync();
        } else {
          expect(() => lockOf(one).acquireSync()).toThrow(MisuseError);
          expect(() => lockOf(one).tryAcquireSync()).toThrow(MisuseError);
        }
      });
    });

    describe('RWLock', () => {
      const lockOf = (store: Store) => new RWLock('index', { store });

      test('is shared by many, and exclusive alone', async () => {
        const readers = [
          await lockOf(one).acquire({ mode: 'shared' }),
          await lockOf(other).acquire({ mode: 'shared' }),
          await lockOf(other).acquire({ mode: 'shared' }),
        ];
        expect(await lockOf(one).tryAcquire({ mode: 'exclusive' })).toBeNull();
        for (const reader of readers) await reader.release();
        await using writer = await lockOf(one).acquire();
        expect(writer.held).toBe(true);
        expect(await lockOf(other).tryAcquire({ mode: 'shared' })).toBeNull();
      });

      test('has no reader overtake a writer that waits, nor a writer a reader', async () => {
        const reading = await lockOf(one).acquire({ mode: 'shared' });
        const order: string[] = [];
        const turns = [];
        for (const [index, mode] of (['exclusive', 'shared', 'shared', 'exclusive'] as const).entries()) {
          const store = index % 2 === 0 ? one : other;
          turns.push(lockOf(store).withLock(async () => void order.push(mode), { mode }));
          await waiting(one, 'index', index + 1);
        }
        expect(await lockOf(other).tryAcquire({ mode: 'shared' })).toBeNull();
        await reading.release();
        await Promise.all(turns);
        expect(order).toEqual(['exclusive', 'shared', 'shared', 'exclusive']);
      });

      test('is the same lock as Lock of its name, which is its exclusive mode', async () => {
        await using reader = await lockOf(one).acquire({ mode: 'shared' });
        expect(await new Lock('index', { store: other }).tryAcquire()).toBeNull();
        await reader.release();
        await using _exclusive = await new Lock('index', { store: other }).acquire();
        expect(await lockOf(one).tryAcquire({ mode: 'shared' })).toBeNull();
      });
    });

    describe('RLock', () => {
      const lockOf = (store: Store) => new RLock('deploy', { store });

      test('is acquired again inside of withLock, and is free only after the outermost', async () => {
        await lockOf(one).withLock(async (outer) => {
          await lockOf(one).withLock(async (inner) => {
            expect(inner.token).toBe(outer.token);
            expect(
              await lockOf(one)
                .tryAcquire()
                .then((third) => third?.release()),
            ).toBeUndefined();
          });
          expect(outer.held).toBe(true);
          expect(await lockOf(other).tryAcquire()).toBeNull();
        });
        expect(await standing(other, 'deploy')).toBe(0);
      });

      test('is acquired again before all who wait', async () => {
        await lockOf(one)
          .withLock(async () => {
            const wait = lockOf(other).withLock(() => 'in');
            await waiting(one, 'deploy', 1);
            await lockOf(one).withLock(() => 'again');
            return { wait };
          })
          .then(({ wait }) => wait);
      });

      test('belongs to an Owner in whom it was acquired, or who was named', async () => {
        const owner = new Owner();
        const first = await owner.run(() => lockOf(one).acquire());
        const second = await owner.run(() => lockOf(one).acquire(SOON));
        const third = await lockOf(one).acquire({ owner, ...SOON });
        expect([second.token, third.token]).toEqual([first.token, first.token]);
        await expect(lockOf(one).acquire({ owner: new Owner(), ...SOON })).rejects.toThrow(LockTimeoutError);
        expect(await lockOf(one).tryAcquire()).toBeNull();
        for (const lease of [third, first]) {
          await lease.release();
          expect(await lockOf(other).tryAcquire()).toBeNull();
        }
        await second.release();
        expect(await standing(other, 'deploy')).toBe(0);
      });

      test("is still its owner's when the lease that came first was released", async () => {
        const owner = new Owner();
        const first = await lockOf(one).acquire({ owner });
        const second = await lockOf(one).acquire({ owner });
        await first.release();
        const third = await lockOf(one).acquire({ owner, detectDeadlock: false, ...SOON });
        await second.release();
        expect(third.held).toBe(true);
        expect(await lockOf(other).tryAcquire()).toBeNull();
        await third.release();
        expect(await standing(other, 'deploy')).toBe(0);
      });

      test('is not acquired again by another task beside, nor by one of no flow', async () => {
        const [entered, gate] = [new Gate(), new Gate()];
        const holding = lockOf(one).withLock(() => {
          entered.open();
          return gate.opened;
        });
        await entered.opened;
        expect(await lockOf(one).tryAcquire()).toBeNull();
        const beside = lockOf(one).withLock(() => 'beside');
        await waiting(other, 'deploy', 1);
        gate.open();
        await holding;
        expect(await beside).toBe('beside');
      });

      test('is not acquired again over what a plain Lock holds, nor a plain Lock over it', async () => {
        const plain = new Lock('deploy', { store: one });
        await plain.withLock(async () => {
          expect(await lockOf(one).tryAcquire()).toBeNull();
        });
        await lockOf(one).withLock(async () => {
          expect(await plain.tryAcquire()).toBeNull();
        });
      });

      test('is another one in another store, and by another name', async () => {
        await lockOf(one).withLock(async () => {
          expect(await lockOf(other).tryAcquire()).toBeNull();
          const elsewhere = await new RLock('release', { store: one }).acquire();
          expect(await standing(one, 'release')).toBe(1);
          await elsewhere.release();
        });
      });
    });

    describe('Semaphore', () => {
      const roomOf = (store: Store) => new Semaphore('ktv', 2, { store });

      test('lets in as many as it has permits, and loses no permit', async () => {
        const room = new Room();
        await Promise.all(
          Array.from({ length: 12 }, (_, visit) =>
            roomOf(visit % 2 === 0 ? one : other).withPermits(() => room.visit()),
          ),
        );
        expect(room.most).toBe(2);
        const leases = [await roomOf(one).tryAcquire(), await roomOf(other).tryAcquire()];
        expect(leases.map((lease) => lease?.held)).toEqual([true, true]);
        expect(await roomOf(one).tryAcquire()).toBeNull();
      });

      test('gives several permits at once or none, and no small request overtakes a large one', async () => {
        const first = await roomOf(one).acquire();
        const order: string[] = [];
        const large = roomOf(other).withPermits(() => void order.push('large'), { permits: 2 });
        await waiting(one, 'ktv', 1);
        const small = roomOf(one).withPermits(() => void order.push('small'));
        await waiting(one, 'ktv', 2);
        expect(await roomOf(other).tryAcquire()).toBeNull();
        await first.release();
        await Promise.all([large, small]);
        expect(order).toEqual(['large', 'small']);
      });

      test('of another number of permits is a mistake that is reported', async () => {
        await using _first = await roomOf(one).acquire();
        await expect(new Semaphore('ktv', 3, { store: other }).acquire()).rejects.toThrow('semaphore of 2 permits');
      });
    });

    describe('BoundedSemaphore', () => {
      const roomOf = (store: Store) => new BoundedSemaphore('ktv', 2, { store });

      test('reports a release too many, and has no more permits afterwards', async () => {
        const leases = [await roomOf(one).acquire(), await roomOf(other).acquire()];
        await leases[0]?.release();
        await expect(leases[0]?.release()).rejects.toThrow(MisuseError);
        expect(await roomOf(one).tryAcquire({ permits: 2 })).toBeNull();
        expect((await roomOf(one).tryAcquire())?.held).toBe(true);
      });

      test('is the same as Semaphore of its name, and does not mind a dispose after a release', async () => {
        {
          await using lease = await roomOf(one).acquire({ permits: 2 });
          expect(await new Semaphore('ktv', 2, { store: other }).tryAcquire()).toBeNull();
          await lease.release();
        }
        expect(await standing(one, 'ktv')).toBe(0);
      });
    });

    describe('LockManager', () => {
      const managerOf = (store: Store) => new LockManager({ store });

      test('runs the callback under the lock, exclusive or shared, and gives it back', async () => {
        const answer = await managerOf(one).request('deploy', async (lock) => {
          expect(lock).toEqual({ name: 'deploy', mode: 'exclusive' });
          expect(await new Lock('deploy', { store: other }).tryAcquire()).toBeNull();
          return 7;
        });
        expect(answer).toBe(7);
        await managerOf(one).request('deploy', { mode: 'shared' }, async () => {
          const theirs = await managerOf(other).request('deploy', { mode: 'shared' }, (lock) => lock?.mode);
          expect(theirs).toBe('shared');
          const absent = await managerOf(other).request('deploy', { ifAvailable: true }, (lock) => lock);
          expect(absent).toBeNull();
        });
        expect(await standing(other, 'deploy')).toBe(0);
      });

      test('steals: who is robbed rejects with AbortError, though its callback still runs', async () => {
        const [entered, gate] = [new Gate(), new Gate()];
        const robbed = managerOf(one).request('deploy', () => {
          entered.open();
          return gate.opened;
        });
        await entered.opened;
        const error = errorOf(robbed);
        expect(await managerOf(other).request('deploy', { steal: true }, (lock) => lock?.name)).toBe('deploy');
        expect((await error).name).toBe('AbortError');
        gate.open();
      });

      test('shows who holds and who waits, each with the id of its party', async () => {
        await managerOf(one)
          .request('deploy', async () => {
            const wait = managerOf(other).request('deploy', { mode: 'shared' }, () => undefined);
            await waiting(one, 'deploy', 1);
            const { held, pending } = await managerOf(other).query();
            expect(held).toMatchObject([{ name: 'deploy', mode: 'exclusive' }]);
            expect(pending).toMatchObject([{ name: 'deploy', mode: 'shared' }]);
            expect(held[0]?.clientId).not.toBe(pending[0]?.clientId);
            return { wait };
          })
          .then(({ wait }) => wait);
      });
    });
  });
}
