import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMismatchError } from '../../lib/errors.ts';
import type { OwnEntry, Store } from '../../lib/store/store.ts';
import type { Parties } from './parties.ts';

const LOCK = { kind: 'lock', permits: 1 };
const TWO = { kind: 'semaphore', permits: 2 };
const MOMENT = { timeoutMs: 10, keepAlive: true };

/**
 * What every store must do, whatever it keeps its lines in. `knowsReasons`: an entry that was ended learns why, also
 * when the name was forgotten behind that.
 */
export function describeStore(kind: string, open: () => Parties, { knowsReasons = true } = {}): void {
  describe(kind, () => {
    let parties: Parties;
    let one: Store;
    let other: Store;

    beforeEach(() => {
      parties = open();
      ({ one, other } = parties);
    });

    afterEach(() => parties.close());

    const request = (label: string, ask = 1) => ({ ask, label, onlyIfGranted: false });
    const attempt = (label: string, ask = 1) => ({ ask, label, onlyIfGranted: true });
    const labels = async (store: Store) => (await store.snapshot('deploy'))?.entries.map(({ label }) => label);

    /** Waits as a user of the seam does: look, and wait for a change, until it holds. */
    async function holding(store: Store, entry: OwnEntry): Promise<void> {
      while (entry.state === 'waiting') await store.changed(entry, { timeoutMs: 5_000, keepAlive: true });
      expect(entry.state).toBe('holding');
    }

    test('a name that was never used has no line', async () => {
      expect(await one.snapshot('deploy')).toBeNull();
      expect(await one.names()).toEqual([]);
      expect(await one.evict('deploy', 1, { reason: 'r', by: 'b' })).toBe(false);
    });

    test('the first holds, the second waits, and holds when the first leaves', async () => {
      const first = await one.join('deploy', LOCK, request('first'));
      const second = await other.join('deploy', LOCK, request('second'));
      expect([first.state, second.state]).toEqual(['holding', 'waiting']);
      expect(second.ticket).toBeGreaterThan(first.ticket);
      await one.leave(first);
      expect(first.state).toBe('left');
      await holding(other, second);
      expect(await labels(one)).toEqual(['second']);
    });

    test('everybody sees the same line', async () => {
      await one.join('deploy', TWO, request('a'));
      await other.join('deploy', TWO, request('b'));
      await one.join('deploy', TWO, request('c', 2));
      const [mine, theirs] = await Promise.all([one.snapshot('deploy'), other.snapshot('deploy')]);
      expect(mine).toMatchObject({ name: 'deploy', ...TWO });
      const facts = (view: typeof mine) =>
        view?.entries.map(({ ticket, state, label, ask }) => [ticket, state, label, ask]);
      expect(facts(mine)).toEqual(facts(theirs));
      expect(mine?.entries.map(({ state }) => state)).toEqual(['holding', 'holding', 'waiting']);
      expect(await other.names()).toEqual(['deploy']);
    });

    test('a try is refused without a trace unless it is granted where it stands', async () => {
      const first = await one.join('deploy', LOCK, attempt('first'));
      expect(first.state).toBe('holding');
      const second = await other.join('deploy', LOCK, attempt('second'));
      expect([second.state, second.ticket]).toEqual(['refused', 0]);
      expect(await labels(one)).toEqual(['first']);
    });

    test('a waiter that leaves lets those behind it move up', async () => {
      const first = await one.join('deploy', TWO, request('first'));
      const large = await one.join('deploy', TWO, request('large', 2));
      const small = await other.join('deploy', TWO, request('small'));
      expect([first.state, large.state, small.state]).toEqual(['holding', 'waiting', 'waiting']);
      await one.leave(large);
      await holding(other, small);
      expect(await labels(other)).toEqual(['first', 'small']);
    });

    test('an evicted entry is lost, says why, and its successor holds', async () => {
      const first = await one.join('deploy', LOCK, request('first'));
      const second = await other.join('deploy', LOCK, request('second'));
      expect(await other.evict('deploy', first.ticket, { reason: 'broken', by: 'me' })).toBe(true);
      await one.refresh(first);
      expect(first.state).toBe('lost');
      // A store that has long forgotten the record may not know the reason; it still says that there is one.
      expect(first.eviction?.reason).toMatch(/broken|no longer in the line/);
      await holding(other, second);
      // Leaving what is lost touches nobody else's entry.
      await one.leave(first);
      expect(await labels(other)).toEqual(['second']);
      expect(await other.evict('deploy', first.ticket, { reason: 'again', by: 'me' })).toBe(false);
    });

    test('tickets grow over all holders, whoever they are', async () => {
      const tickets: number[] = [];
      for (let round = 0; round < 10; round++) {
        const store = round % 2 === 0 ? one : other;
        const entry = await store.join('deploy', LOCK, request('x'));
        tickets.push(entry.ticket);
        await store.leave(entry);
      }
      expect(tickets).toEqual([...new Set(tickets)].sort((a, b) => a - b));
    });

    test('names do not touch each other', async () => {
      const states = [];
      for (const name of ['a', 'a/b', '../a', 'ü', 'A b'])
        states.push((await one.join(name, LOCK, request('x'))).state);
      expect(states).toEqual(Array(5).fill('holding'));
      expect(await other.names()).toEqual(['../a', 'A b', 'a', 'a/b', 'ü']);
    });

    test('whoever disagrees about what a name is gets an error, and nothing changes', async () => {
      await one.join('deploy', TWO, request('first'));
      await expect((async () => other.join('deploy', LOCK, request('x')))()).rejects.toThrow(ConfigMismatchError);
      await expect((async () => other.join('deploy', { ...TWO, permits: 3 }, attempt('x')))()).rejects.toThrow(
        ConfigMismatchError,
      );
      expect(await labels(other)).toEqual(['first']);
    });

    describe('a name that is forgotten', () => {
      test('is no longer among the names, and anything may be made of it', async () => {
        await one.leave(await one.join('deploy', LOCK, request('x')));
        expect(await other.forget('deploy')).toBe('forgotten');
        expect([await one.names(), await other.names(), await one.snapshot('deploy')]).toEqual([[], [], null]);
        const entry = await one.join('deploy', TWO, request('y', 2));
        expect(entry.state).toBe('holding');
        expect(await other.snapshot('deploy')).toMatchObject({ ...TWO, entries: [{ label: 'y' }] });
        await expect((async () => other.join('deploy', LOCK, request('x')))()).rejects.toThrow(ConfigMismatchError);
      });

      test('was used by nobody: neither a holder nor a waiter', async () => {
        const first = await one.join('deploy', LOCK, request('first'));
        const second = await other.join('deploy', LOCK, request('second'));
        expect([await one.forget('deploy'), await other.forget('deploy')]).toEqual(['in use', 'in use']);
        await one.leave(first);
        await holding(other, second);
        expect(await one.forget('deploy')).toBe('in use');
        await other.leave(second);
        expect(await one.forget('deploy')).toBe('forgotten');
      });

      test('may have entries of the dead', async () => {
        await other.join('deploy', LOCK, request('dead'));
        parties.kill(other);
        expect(await one.forget('deploy')).toBe('forgotten');
        expect(await one.names()).toEqual([]);
      });

      test('is forgotten once, and an unknown one never', async () => {
        await one.leave(await one.join('deploy', LOCK, request('x')));
        expect([await one.forget('deploy'), await other.forget('deploy')]).toEqual(['forgotten', 'unknown']);
        expect(await one.forget('never-used')).toBe('unknown');
      });

      test('has greater tickets afterwards, and no value', async () => {
        const add = () => one.act('visits', { kind: 'counter', permits: 1 }, { do: 'add', by: 7 });
        const take = async () => {
          const entry = await one.join('deploy', LOCK, request('x'));
          await one.leave(entry);
          return entry.ticket;
        };
        const tickets = [await take(), await one.forget('deploy'), await take()];
        expect(tickets[2]).toBeGreaterThan(tickets[0] as number);
        expect([await add(), await add(), await other.forget('visits'), await add()]).toEqual([7, 14, 'forgotten', 7]);
      });

      test('has no value, where only idle names are asked for', async () => {
        const counter = { kind: 'counter', permits: 1 };
        const event = { kind: 'event', permits: 1 };
        await one.act('visits', counter, { do: 'add', by: 7 });
        await one.act('bell', event, { do: 'set' });
        for (const name of ['visits', 'bell']) expect(await other.forget(name, { idleMs: 0 })).toBe('in use');
        await one.act('visits', counter, { do: 'add', by: -7 });
        await one.act('bell', event, { do: 'clear' });
        for (const name of ['visits', 'bell']) expect(await other.forget(name, { idleMs: 0 })).toBe('forgotten');
      });

      test('is no trouble for one whose entry was evicted before, and who has not learnt it', async () => {
        for (const end of ['leave', 'abandon'] as const) {
          const entry = await one.join('deploy', LOCK, request('x'));
          // It looks at the store, and so will not look again at once.
          await one.refresh(entry);
          await other.evict('deploy', entry.ticket, { reason: 'broken', by: 'test' });
          expect(await other.forget('deploy')).toBe('forgotten');
          await one[end](entry);
          expect(entry.state).toBe('lost');
          await one.keep(entry, { held: [], waits: 0 });
          expect(await one.evict('deploy', entry.ticket, { reason: 'again', by: 'test' })).toBe(false);
        }
      });

      test.runIf(knowsReasons)('tells one whose entry was ended just before why it was', async () => {
        const entry = await one.join('deploy', LOCK, request('x'));
        await one.refresh(entry);
        await other.evict('deploy', entry.ticket, { reason: 'broken', by: 'test' });
        expect(await other.forget('deploy')).toBe('forgotten');
        await one.refresh(entry);
        expect([entry.state, entry.eviction]).toEqual(['lost', { reason: 'broken', by: 'test' }]);
      });

      test('is another one for one who has it open as what it was', async () => {
        for (const store of [one, other]) await store.leave(await store.join('deploy', LOCK, request('x')));
        await one.forget('deploy');
        await one.join('deploy', TWO, request('two'));
        await expect((async () => other.join('deploy', LOCK, request('x')))()).rejects.toThrow(ConfigMismatchError);
        expect((await other.join('deploy', TWO, request('y'))).state).toBe('holding');
        expect(await labels(one)).toEqual(['two', 'y']);
      });

      test('is made anew by one who has it open', async () => {
        await one.leave(await one.join('deploy', LOCK, request('x')));
        await other.leave(await other.join('deploy', LOCK, request('x')));
        await one.forget('deploy');
        const entry = await other.join('deploy', LOCK, request('again'));
        expect(entry.state).toBe('holding');
        expect(await labels(one)).toEqual(['again']);
        expect(await one.forget('deploy')).toBe('in use');
      });
    });

    describe('a semaphore of another number', () => {
      const three = { ...TWO, permits: 3, resize: true };

      test('is made anew for one who asks for that, if nobody uses it', async () => {
        await one.leave(await one.join('room', TWO, request('x')));
        const entry = await other.join('room', three, request('three', 3));
        expect(entry.state).toBe('holding');
        expect(await one.snapshot('room')).toMatchObject({ kind: 'semaphore', permits: 3, entries: [{ ask: 3 }] });
        await expect((async () => one.join('room', TWO, request('x')))()).rejects.toThrow(ConfigMismatchError);
      });

      test('stays as it is while somebody uses it, and an event stays an event', async () => {
        const entry = await one.join('room', TWO, request('x'));
        await one.act('bell', { kind: 'event', permits: 1 }, { do: 'clear' });
        for (const name of ['room', 'bell'])
          await expect((async () => other.join(name, three, request('y')))()).rejects.toThrow(ConfigMismatchError);
        expect(await other.snapshot('room')).toMatchObject({ permits: 2, entries: [{ label: 'x' }] });
        await one.leave(entry);
        expect((await other.join('room', three, request('y'))).state).toBe('holding');
      });

      test('may be a lock before, and afterwards', async () => {
        await one.leave(await one.join('deploy', LOCK, request('x')));
        await other.leave(await other.join('deploy', three, request('y', 3)));
        const entry = await one.join('deploy', { ...LOCK, resize: true }, request('z'));
        expect(await other.snapshot('deploy')).toMatchObject({ ...LOCK, entries: [{ label: 'z' }] });
        expect(entry.state).toBe('holding');
      });
    });

    test('waiting for a change ends with its time, and with its signal', async () => {
      const first = await one.join('deploy', LOCK, request('first'));
      await one.changed(first, MOMENT);
      await one.changed('deploy', MOMENT);
      await one.changed('never-used', MOMENT);
      const signal = AbortSignal.abort();
      await one.changed(first, { timeoutMs: 60_000, keepAlive: true, signal });
      await one.changed('deploy', { timeoutMs: 60_000, keepAlive: true, signal });
      expect(first.state).toBe('holding');
    });

    test('a change behind the view that the caller has ends the wait for one', async () => {
      await one.join('deploy', LOCK, request('first'));
      const { revision: after } = (await one.snapshot('deploy')) ?? { revision: 0 };
      expect(after).toBeGreaterThan(0);
      await other.join('deploy', LOCK, request('second'));
      await one.changed('deploy', { timeoutMs: 60_000, keepAlive: true, after });
      const { revision } = (await one.snapshot('deploy')) ?? { revision: 0 };
      expect(revision).not.toBe(after);
      // Nothing changes any more: the wait ends with its time.
      await one.changed('deploy', { ...MOMENT, after: revision });
      expect((await one.snapshot('deploy'))?.revision).toBe(revision);
    });

    test('several lines are shown in the order of their names, and none for a name that was never used', async () => {
      await one.join('a', LOCK, request('in a'));
      await other.join('b', TWO, request('in b', 2));
      const lines = await one.snapshots(['b', 'none', 'a']);
      expect(lines.map((line) => line && [line.name, line.entries[0]?.label])).toEqual([
        ['b', 'in b'],
        null,
        ['a', 'in a'],
      ]);
      expect(await one.snapshots([])).toEqual([]);
    });

    test('a store that is closed has nothing in line', async () => {
      const first = await one.join('deploy', LOCK, request('first'));
      const second = await one.join('deploy', LOCK, request('second'));
      const third = await other.join('deploy', LOCK, request('third'));
      await one.ping();
      await one.close();
      await one.close();
      for (const { state } of [first, second]) expect(['left', 'lost']).toContain(state);
      await holding(other, third);
      expect(await labels(other)).toEqual(['third']);
    });

    test('waiting for a change of an entry ends when the entry is left', async () => {
      const first = await one.join('deploy', LOCK, request('first'));
      const change = one.changed(first, { timeoutMs: 60_000, keepAlive: true });
      await one.leave(first);
      await change;
      expect(first.state).toBe('left');
    });

    test('a hundred waits that share a signal have one listener on it, and none afterwards', async () => {
      const { signal } = new AbortController();
      await one.join('deploy', LOCK, request('first'));
      const waiters = await Promise.all(Array.from({ length: 50 }, () => other.join('deploy', LOCK, request('x'))));
      const changes = [...waiters, ...Array<string>(50).fill('deploy')].map((of) =>
        other.changed(of, { timeoutMs: 50, keepAlive: true, signal }),
      );
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      await Promise.all(changes);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });

    test('an entry that a living process adopted holds on after its session handed it over', async () => {
      const first = await one.join('deploy', LOCK, request('first'));
      expect(await one.adopt(first, process.pid, { handOver: true })).toBe(true);
      expect(first.state).toBe('handed over');
      await one.leave(first);
      expect((await other.join('deploy', LOCK, attempt('second'))).state).toBe('refused');
    });
  });
}
