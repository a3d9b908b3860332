import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMismatchError } from '../../lib/errors.ts';
import type { OwnEntry, Store } from '../../lib/store/store.ts';
import type { Parties } from './parties.ts';

const LOCK = { kind: 'lock', permits: 1 };
const TWO = { kind: 'semaphore', permits: 2 };
const MOMENT = { timeoutMs: 10, keepAlive: true };

/** What every store must do, whatever it keeps its lines in. */
export function describeStore(kind: string, open: () => Parties): void {
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
