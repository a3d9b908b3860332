import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMismatchError } from '../../lib/errors.ts';
import type { EntryView, LineView, OwnEntry, Store } from '../../lib/store/store.ts';
import type { Parties } from './parties.ts';

const LOCK = { kind: 'lock', permits: 1 };
const EVENT = { kind: 'event', permits: 1 };
const CONDITION = { kind: 'condition', permits: 1 };
const MEETING = { kind: 'barrier', permits: 3 };
const COUNTER = { kind: 'counter', permits: 1 };
const MOST = Number.MAX_SAFE_INTEGER;

/** What every store must do beyond lines of permits: theft, what a waiter keeps, gates, and counters. */
export function describeGates(kind: string, open: () => Parties): void {
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

    const request = (label: string, ask = 1) => ({ ask, label, onlyIfGranted: false });
    const attempt = (label: string) => ({ ask: 1, label, onlyIfGranted: true });
    const theft = (label: string) => ({ ask: 1, label, onlyIfGranted: false, steal: true });
    const viewIn = async (store: Store, name: string) => (await store.snapshot(name)) as LineView;
    const entriesIn = async (store: Store, name: string): Promise<EntryView[]> =>
      (await store.snapshot(name))?.entries ?? [];
    /** `label!` for who holds, `label` for who waits. */
    const lineIn = async (store: Store, name: string) =>
      (await entriesIn(store, name)).map(({ label, state }) => (state === 'holding' ? `${label}!` : label)).join(' ');

    /** Waits as a user of the seam does: look, and wait for a change, until it waits no longer. */
    async function settled(store: Store, entry: OwnEntry): Promise<string> {
      while (entry.state === 'waiting') await store.changed(entry, { timeoutMs: 5_000, keepAlive: true });
      return entry.state;
    }

    /** What an entry is by now. */
    async function stateOf(store: Store, entry: OwnEntry): Promise<string> {
      await store.refresh(entry);
      return entry.state;
    }

    /** Rotates the journal of a store that does so at every record, and does nothing to the line. */
    async function nothing(store: Store, entry: OwnEntry): Promise<void> {
      await store.keep(entry, { held: [], waits: 0 });
    }

    describe('theft', () => {
      test('ends all who hold, and stands before all who wait', async () => {
        const reader = await one.join('door', LOCK, request('reader', 0));
        const second = await other.join('door', LOCK, request('second', 0));
        const waiter = await other.join('door', LOCK, request('waiter'));
        const thief = await third.join('door', LOCK, theft('thief'));
        expect([thief.state, thief.waitingBefore]).toEqual(['holding', 0]);
        expect(await lineIn(one, 'door')).toBe('thief! waiter');
        expect([await stateOf(one, reader), await stateOf(other, second)]).toEqual(['lost', 'lost']);
        expect(reader.eviction?.reason).toMatch(/stolen|no longer in the line/);
        expect(await stateOf(other, waiter)).toBe('waiting');
        // Whoever was robbed can end nothing any more.
        await one.leave(reader);
        expect(await lineIn(one, 'door')).toBe('thief! waiter');
        await third.leave(thief);
        expect(await settled(other, waiter)).toBe('holding');
      });

      test('wakes who is robbed', async () => {
        const robbed = await one.join('door', LOCK, request('robbed'));
        const changed = one.changed(robbed, { timeoutMs: 20_000, keepAlive: true });
        await other.join('door', LOCK, theft('thief'));
        await changed;
        expect(await stateOf(one, robbed)).toBe('lost');
      });

      test('of a lock that is free is an acquire', async () => {
        const thief = await one.join('door', LOCK, theft('thief'));
        expect([thief.state, thief.token]).toEqual(['holding', thief.ticket]);
        const second = await other.join('door', LOCK, theft('second'));
        expect(await stateOf(one, thief)).toBe('lost');
        expect(second.token).toBeGreaterThan(thief.token);
      });

      test('leaves tokens that grow: who was overtaken gets a newer one than the thief', async () => {
        const victim = await one.join('door', LOCK, request('victim'));
        const overtaken = await other.join('door', LOCK, request('overtaken'));
        expect(overtaken.token).toBe(0);
        const thief = await third.join('door', LOCK, theft('thief'));
        const late = await one.join('door', LOCK, request('late'));
        await third.leave(thief);
        await settled(other, overtaken);
        expect(overtaken.token).toBeGreaterThan(overtaken.ticket);
        await other.leave(overtaken);
        await settled(one, late);
        const tokens = [victim.token, thief.token, overtaken.token, late.token];
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
        expect((await entriesIn(other, 'door')).map(({ token }) => token)).toEqual([late.token]);
      });

      test('from the dead is a theft as well', async () => {
        await third.join('door', LOCK, request('dead'));
        parties.kill(third);
        expect((await one.join('door', LOCK, theft('thief'))).state).toBe('holding');
        expect(await lineIn(other, 'door')).toBe('thief!');
      });
    });

    describe('an entry', () => {
      test('shows what its owner keeps while it waits, as said last', async () => {
        const holder = await one.join('door', LOCK, request('holder'));
        const waiter = await other.join('door', LOCK, request('waiter'));
        const [first, second] = [
          { name: 'a', ticket: 7 },
          { name: 'b', ticket: 9 },
        ] as const;
        const keepsNow = async () => (await entriesIn(one, 'door')).at(-1)?.keeps;
        expect(await keepsNow()).toEqual({ held: [], waits: 0 });
        await other.keep(waiter, { held: [first, second], waits: 1 });
        await nothing(one, holder);
        expect(await keepsNow()).toEqual({ held: [first, second], waits: 1 });
        await other.keep(waiter, { held: [second], waits: 2 });
        expect(await keepsNow()).toEqual({ held: [second], waits: 2 });
        await other.keep(waiter, { held: [], waits: 0 });
        expect(await keepsNow()).toEqual({ held: [], waits: 0 });
      });

      test('that has left keeps nothing, and its successor has nothing said of it', async () => {
        const gone = await one.join('door', LOCK, request('gone'));
        await one.leave(gone);
        await one.join('door', LOCK, request('next'));
        await one.keep(gone, { held: [{ name: 'a', ticket: 7 }], waits: 1 });
        expect((await entriesIn(one, 'door'))[0]?.keeps.held).toEqual([]);
      });

      test('shows the session that owns it: one and the same for a party, and another for every other', async () => {
        await one.join('door', LOCK, request('a'));
        await one.join('other door', LOCK, request('b'));
        await other.join('door', LOCK, request('c'));
        const [a, c] = await entriesIn(third, 'door');
        const [b] = await entriesIn(third, 'other door');
        const sessionOf = (entry: EntryView | undefined) => entry?.owners[0]?.session;
        expect(sessionOf(a)).toMatch(/./);
        expect(sessionOf(b)).toBe(sessionOf(a));
        expect(sessionOf(c)).not.toBe(sessionOf(a));
      });

      test('has a token from when it holds, which is its ticket unless it was overtaken', async () => {
        const holder = await one.join('door', LOCK, request('holder'));
        const waiter = await other.join('door', LOCK, request('waiter'));
        expect([holder.token, waiter.token]).toEqual([holder.ticket, 0]);
        expect((await entriesIn(third, 'door')).map(({ token }) => token)).toEqual([holder.ticket, 0]);
        await one.leave(holder);
        await settled(other, waiter);
        expect(waiter.token).toBe(waiter.ticket);
      });

      test('of the dead is stale, and is evicted by who waits behind it', async () => {
        const dead = await third.join('door', LOCK, request('dead'));
        const waiter = await one.join('door', LOCK, request('waiter'));
        expect((await entriesIn(one, 'door'))[0]?.stale).toBe(false);
        parties.kill(third);
        expect((await entriesIn(one, 'door')).map(({ stale }) => stale)).toEqual([true, false]);
        expect(await settled(one, waiter)).toBe('holding');
        expect(await lineIn(other, 'door')).toBe('waiter!');
        expect(waiter.token).toBeGreaterThan(dead.token);
      });

      test('of the dead does not keep out who only tries', async () => {
        await third.join('door', LOCK, request('dead'));
        parties.kill(third);
        expect((await one.join('door', LOCK, attempt('try'))).state).toBe('holding');
        expect(await lineIn(other, 'door')).toBe('try!');
      });

      test('that a living process adopted outlives its session', async () => {
        const entry = await third.join('door', LOCK, request('adopted'));
        expect(await third.adopt(entry, process.pid, { handOver: false })).toBe(true);
        parties.kill(third);
        expect((await one.join('door', LOCK, attempt('try'))).state).toBe('refused');
        const [view] = await entriesIn(one, 'door');
        expect(view?.owners.map(({ gone }) => gone !== null)).toEqual([true, false]);
        expect(view?.stale).toBe(false);
      });
    });

    test('held are those of our entries that hold, in the order of their names', async () => {
      const b = await one.join('b', LOCK, request('b'));
      const a = await one.join('a', LOCK, request('a'));
      const waiting = await other.join('a', LOCK, request('waiting'));
      await one.join('gate', EVENT, request('gate'));
      expect(one.held()).toEqual([a, b]);
      expect(other.held()).toEqual([]);
      await one.leave(a);
      await settled(other, waiting);
      expect(one.held()).toEqual([b]);
      expect(other.held()).toEqual([waiting]);
      await one.adopt(b, process.pid, { handOver: true });
      expect(one.held()).toEqual([]);
    });

    describe('an event', () => {
      test('lets in who waits as it is set, who comes while it is, and nobody afterwards', async () => {
        const early = [await one.join('bell', EVENT, request('a')), await other.join('bell', EVENT, request('b'))];
        expect(early.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
        expect((await viewIn(one, 'bell')).value).toBe(0);
        expect(await third.act('bell', EVENT, { do: 'set' })).toBe(2);
        expect((await viewIn(one, 'bell')).value).toBe(1);
        expect(await settled(other, early[1] as OwnEntry)).toBe('holding');
        expect((await one.join('bell', EVENT, request('c'))).state).toBe('holding');
        expect((await one.join('bell', EVENT, attempt('d'))).state).toBe('holding');
        expect(await third.act('bell', EVENT, { do: 'set' })).toBe(0);
        expect(await third.act('bell', EVENT, { do: 'clear' })).toBe(0);
        expect((await one.join('bell', EVENT, request('e'))).state).toBe('waiting');
        expect((await one.join('bell', EVENT, attempt('f'))).state).toBe('refused');
        // Who was let in stays in until it leaves.
        expect(await lineIn(other, 'bell')).toBe('a! b! c! d! e');
        expect((await entriesIn(other, 'bell')).map(({ token }) => token > 0)).toEqual([true, true, true, true, false]);
      });

      test('stays set when all have left, and whoever set it is gone', async () => {
        await third.act('bell', EVENT, { do: 'set' });
        parties.kill(third);
        await one.leave(await one.join('bell', EVENT, request('a')));
        expect((await viewIn(other, 'bell')).value).toBe(1);
        expect((await other.join('bell', EVENT, request('b'))).state).toBe('holding');
      });
    });

    describe('a condition', () => {
      const waiters = async (...labels: string[]) => {
        const entries = [];
        for (const label of labels) entries.push(await one.join('queue', CONDITION, request(label)));
        return entries as [OwnEntry, OwnEntry, OwnEntry];
      };

      test('lets in so many as are notified, from the front, and returns how many that were', async () => {
        const [a] = await waiters('a', 'b', 'c', 'd');
        expect(await other.act('queue', CONDITION, { do: 'notify', count: 0 })).toBe(0);
        expect(await other.act('queue', CONDITION, { do: 'notify', count: 2 })).toBe(2);
        expect(await settled(one, a)).toBe('holding');
        expect(await lineIn(other, 'queue')).toBe('a! b! c d');
        expect(await other.act('queue', CONDITION, { do: 'notify', count: MOST })).toBe(2);
        expect(await other.act('queue', CONDITION, { do: 'notify', count: 1 })).toBe(0);
        // Nobody keeps a notification for later.
        expect((await one.join('queue', CONDITION, request('e'))).state).toBe('waiting');
        expect(await lineIn(other, 'queue')).toBe('a! b! c! d! e');
      });

      test('passes on the wake-up of an evicted one, and not of one that leaves', async () => {
        const [a, b] = await waiters('a', 'b', 'c', 'd');
        await other.act('queue', CONDITION, { do: 'notify', count: 1 });
        await one.leave(a);
        expect(await lineIn(other, 'queue')).toBe('b c d');
        await other.act('queue', CONDITION, { do: 'notify', count: 1 });
        await other.evict('queue', b.ticket, { reason: 'gave up', by: 'b' });
        expect(await lineIn(other, 'queue')).toBe('c! d');
      });

      test('has no wake-up to pass on when one is evicted that waits', async () => {
        const [a] = await waiters('a', 'b');
        await other.evict('queue', a.ticket, { reason: 'r', by: 'b' });
        expect(await lineIn(other, 'queue')).toBe('b');
      });

      test('passes on the wake-up of one that is killed to a waiter', async () => {
        await third.join('queue', CONDITION, request('dead'));
        const [a] = await waiters('a', 'b');
        expect(await other.act('queue', CONDITION, { do: 'notify', count: 1 })).toBe(1);
        parties.kill(third);
        expect(await settled(one, a)).toBe('holding');
        expect(await lineIn(other, 'queue')).toBe('a! b');
      });

      test('wakes nobody dead in place of the living, however many there are', async () => {
        for (let dead = 0; dead < 70; dead++) await third.join('queue', CONDITION, request('dead'));
        await waiters('a', 'b');
        parties.kill(third);
        expect(await other.act('queue', CONDITION, { do: 'notify', count: 1 })).toBe(1);
        expect(await lineIn(other, 'queue')).toBe('a! b');
      });
    });

    describe('a barrier', () => {
      const come = (store: Store, label: string) => store.join('start', MEETING, request(label));

      test('lets all in as the last one comes, and lets the next generation meet meanwhile', async () => {
        const a = await come(one, 'a');
        const b = await come(other, 'b');
        expect(await lineIn(one, 'start')).toBe('a b');
        const c = await come(third, 'c');
        expect(c.state).toBe('holding');
        expect([a, b, c].map(({ waitingBefore }) => waitingBefore)).toEqual([0, 1, 2]);
        expect([await settled(one, a), await settled(other, b)]).toEqual(['holding', 'holding']);
        await third.leave(c);
        const d = await come(third, 'd');
        expect([d.state, d.waitingBefore]).toEqual(['waiting', 0]);
        expect(await lineIn(one, 'start')).toBe('a! b! d');
        await one.leave(a);
        await come(one, 'e');
        expect((await come(one, 'f')).state).toBe('holding');
        expect(await lineIn(one, 'start')).toBe('b! d! e! f!');
      });

      const breaks: Array<[string, (waiting: OwnEntry) => unknown, RegExp]> = [
        ['leaves', (waiting) => other.leave(waiting), /gave up waiting/],
        ['is evicted', (waiting) => one.evict('start', waiting.ticket, { reason: 'r', by: 'b' }), /taken out: r/],
      ];
      test.each(breaks)('is broken for all when one that waits %s, until it is reset', async (_, end, why) => {
        const a = await come(one, 'a');
        await end(await come(other, 'b'));
        expect(await stateOf(one, a)).toBe('lost');
        // A store that has long forgotten the record may not know the reason.
        expect(a.eviction?.reason).toMatch(new RegExp(`${why.source}|no longer in the line`));
        expect((await viewIn(other, 'start')).value).toBe(1);
        expect(await come(third, 'c')).toMatchObject({ state: 'refused', ticket: 0, token: 0 });
        expect(await lineIn(one, 'start')).toBe('');
        expect(await third.act('start', MEETING, { do: 'reset' })).toBe(0);
        expect((await viewIn(other, 'start')).value).toBe(0);
        expect((await come(one, 'd')).state).toBe('waiting');
      });

      test('is broken by the death of one that waits, whoever came first', async () => {
        const a = await come(one, 'a');
        await come(third, 'dead');
        parties.kill(third);
        expect(await settled(one, a)).toBe('lost');
        expect((await come(other, 'b')).state).toBe('refused');
      });

      test('does not miss one that has gone on and ends, whatever ends it', async () => {
        const [a, b, c] = [await come(one, 'a'), await come(other, 'b'), await come(third, 'c')];
        await come(one, 'd');
        parties.kill(third);
        await other.evict('start', b.ticket, { reason: 'r', by: 'b' });
        expect([await stateOf(one, a), c.state]).toEqual(['holding', 'holding']);
        await other.evict('start', c.ticket, { reason: 'r', by: 'b' });
        expect(await lineIn(one, 'start')).toBe('a! d');
        expect((await viewIn(other, 'start')).value).toBe(0);
      });

      test('aborted ends who waits, and returns how many; reset does so too', async () => {
        const a = await come(one, 'a');
        expect(await other.act('start', MEETING, { do: 'reset' })).toBe(1);
        expect(await stateOf(one, a)).toBe('lost');
        const b = await come(one, 'b');
        expect(await other.act('start', MEETING, { do: 'abort' })).toBe(1);
        expect(await stateOf(one, b)).toBe('lost');
        expect(await other.act('start', MEETING, { do: 'abort' })).toBe(0);
        expect((await come(one, 'c')).state).toBe('refused');
      });

      test('is swept of the dead of an earlier run by the next to come, and broken for nobody', async () => {
        await come(third, 'dead');
        await come(third, 'dead');
        parties.kill(third);
        const a = await come(one, 'a');
        expect([a.state, a.waitingBefore]).toEqual(['waiting', 0]);
        expect(await lineIn(other, 'start')).toBe('a');
        expect((await viewIn(other, 'start')).value).toBe(0);
      });

      test('is not swept of the dead while somebody alive waits with them', async () => {
        const a = await come(one, 'a');
        await come(third, 'dead');
        parties.kill(third);
        await other.act('start', MEETING, { do: 'sweep', ticket: a.ticket });
        expect(await stateOf(one, a)).toBe('lost');
        expect((await viewIn(other, 'start')).value).toBe(0);
      });

      test('of one party lets everybody in at once', async () => {
        const alone = { kind: 'barrier', permits: 1 };
        const entry = await one.join('alone', alone, request('a'));
        expect([entry.state, entry.waitingBefore]).toEqual(['holding', 0]);
        expect((await other.join('alone', alone, request('b'))).state).toBe('holding');
      });

      test('refuses another number of parties, and is not changed', async () => {
        await come(one, 'a');
        const call = async () => other.join('start', { kind: 'barrier', permits: 4 }, request('b'));
        await expect(call()).rejects.toThrow(ConfigMismatchError);
        await expect(call()).rejects.toThrow('barrier of 3 parties');
        const abort = async () => other.act('start', { kind: 'barrier', permits: 4 }, { do: 'abort' });
        await expect(abort()).rejects.toThrow(ConfigMismatchError);
        expect(await lineIn(other, 'start')).toBe('a');
      });
    });

    describe('a counter', () => {
      const add = (store: Store, by: number) => store.act('score', COUNTER, { do: 'add', by });

      test('adds, and answers with the sum', async () => {
        expect(await add(one, 5)).toBe(5);
        expect(await add(other, -7)).toBe(-2);
        expect(await viewIn(third, 'score')).toMatchObject({ ...COUNTER, value: -2, entries: [] });
      });

      test('does not change when a sum would be no safe integer, and answers null', async () => {
        expect(await add(one, MOST)).toBe(MOST);
        expect([await add(other, 1), await add(one, MOST)]).toEqual([null, null]);
        expect((await viewIn(third, 'score')).value).toBe(MOST);
        expect(await add(other, -MOST)).toBe(0);
        expect(await add(other, -MOST)).toBe(-MOST);
        expect(await add(other, -1)).toBeNull();
        expect((await viewIn(third, 'score')).value).toBe(-MOST);
      });
    });

    test('an action that is for another kind of resource does nothing, and answers null', async () => {
      const waiter = await one.join('bell', EVENT, request('a'));
      expect(await other.act('bell', EVENT, { do: 'notify', count: 1 })).toBeNull();
      expect(await other.act('bell', EVENT, { do: 'add', by: 1 })).toBeNull();
      expect(await other.act('bell', EVENT, { do: 'reset' })).toBeNull();
      expect(await stateOf(one, waiter)).toBe('waiting');
      expect((await viewIn(other, 'bell')).value).toBe(0);
      await expect((async () => other.act('bell', LOCK, { do: 'set' }))()).rejects.toThrow(ConfigMismatchError);
    });
  });
}
