import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyValue } from '../../lib/etcd/client/kv-messages.ts';
import type { WatchEvent } from '../../lib/etcd/client/watch-messages.ts';
import { choreOf } from '../../lib/etcd/store/chore.ts';
import { type EntryRecord, newRecord, recordToJson } from '../../lib/etcd/store/entry-record.ts';
import { EtcdLine } from '../../lib/etcd/store/etcd-line.ts';
import { StoreKeys } from '../../lib/etcd/store/keys.ts';
import { initialState, type StateChange, stateToJson } from '../../lib/etcd/store/line-state.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Entry } from '../../lib/line/entry.ts';
import { TurnOrder } from '../../lib/line/turn-order.ts';

const KEYS = new StoreKeys('p').of('door');
const FACTS = nodeHost.processes.self();

function recordOf(id: number, ask = 1): EntryRecord {
  const owners = [{ key: 'session', facts: FACTS, relieved: false }];
  return newRecord({ id: `session:${id}`, owners, ask, at: id, label: String(id) });
}

function kvOf(key: string, value: string, createRevision: number, modRevision = createRevision): KeyValue {
  return { key: Buffer.from(key), value: Buffer.from(value), createRevision, modRevision, version: 1, lease: 1n };
}

/** The state of a name, as it was put at revision 2. */
function stateKv(kind: string, permits: number, change: StateChange = {}, revision = 2): KeyValue {
  const state = initialState('door', { kind, permits }, true);
  return kvOf(KEYS.state, stateToJson(state, change), 2, revision);
}

const entryKv = (at: number, json = recordToJson(recordOf(at))) => kvOf(KEYS.entry(1n, at), json, at);
const lineOf = (kvs: KeyValue[], revision = 1_000) => EtcdLine.of(KEYS, revision, kvs, null);
/** `3!` for the holder that was put at revision 3, `3` for a waiter. */
const shown = (line: EtcdLine) =>
  line.entries.map(({ createRevision, token }) => `${createRevision}${token > 0 ? '!' : ''}`).join(' ');

describe('a line of keys', () => {
  test('admits whom the line on disk admits, in whatever order its keys are read', () => {
    const asks = fc.array(fc.record({ ask: fc.nat(3), leaves: fc.boolean() }), { maxLength: 12 });
    fc.assert(
      fc.property(asks, fc.integer({ min: 1, max: 4 }), (all, permits) => {
        const holding: string[] = [];
        const queue = new TurnOrder({ permits, isOpen: null, onHold: ({ id }) => holding.push(id) });
        const joined = all.map(({ ask, leaves }, at) => {
          const entry: Entry = {
            ...recordOf(at + 3, Math.min(ask, permits)),
            ticket: at + 3,
            token: 0,
            holding: false,
            item: null,
            next: null,
            previous: null,
          };
          queue.append(entry);
          return { entry, leaves };
        });
        for (const { entry, leaves } of joined) if (leaves) queue.remove(entry);
        const left = joined.filter(({ leaves }) => !leaves).map(({ entry }) => entry);
        const kvs = left.map((entry) => entryKv(entry.ticket, recordToJson({ ...entry, place: 0, token: 0 })));
        const line = lineOf([...kvs.reverse(), stateKv('semaphore', permits)]);
        const admitted = line.admitted.map(({ record }) => record?.id);
        expect(admitted).toEqual(left.filter(({ id }) => holding.includes(id)).map(({ id }) => id));
      }),
    );
  });

  test('is the same, whether it is read or followed by events', () => {
    const [state, three, four] = [stateKv('lock', 1), entryKv(3), entryKv(4)];
    const deleted: WatchEvent = { type: 'delete', kv: kvOf(three.key.toString(), '', 0, 6), prevKv: undefined };
    const put: WatchEvent = { type: 'put', kv: entryKv(5), prevKv: undefined };
    const followed = lineOf([state, three, four], 4).after([put, deleted]);
    expect([shown(followed), followed.revision]).toEqual(['4! 5', 6]);
    expect(shown(followed)).toBe(shown(lineOf([state, four, entryKv(5)], 6)));
    // What it knows already does not turn it back.
    expect(followed.after([{ ...put, kv: three }])).toBe(followed);
  });

  test('is quiet only if all that are in it were read together', () => {
    const line = lineOf([stateKv('semaphore', 3), entryKv(3)], 4);
    expect(line.isQuiet).toBe(true);
    const after = line.after([{ type: 'put', kv: entryKv(5), prevKv: undefined }]);
    expect([after.isQuiet, after.readAt]).toEqual([false, 4]);
    expect(line.with({ key: KEYS.entry(1n, 6), lease: 1n, record: recordOf(6) }, 6).isQuiet).toBe(false);
  });

  test('with a value that is none of ours has a foreign entry, which asks for all permits', () => {
    for (const value of ['', 'x', '[]', '{"v":2,"entry":[]}', '{"v":1,"entry":[1]}']) {
      const line = lineOf([stateKv('semaphore', 3), entryKv(3), entryKv(4, value), entryKv(5)]);
      expect(line.entries.map(({ record, ask }) => [record === null, ask])).toEqual([
        [false, 1],
        [true, 3],
        [false, 1],
      ]);
      expect(shown(line)).toBe('3! 4 5');
    }
  });

  test('behind a thief gives no token to one whom it overtook, until somebody does', () => {
    const thief = recordToJson(recordOf(9), 'place');
    const robbed = kvOf(KEYS.entry(1n, 3), thief, 3, 6);
    const state = stateKv('lock', 1, { floor: 'here' }, 6);
    const held = lineOf([state, robbed, entryKv(4), entryKv(7)]);
    expect(held.entries.map(({ place, token }) => [place, token])).toEqual([
      [6, 6],
      [4, 0],
      [7, 0],
    ]);
    expect(choreOf(KEYS, held)).toBeNull();
    const over = lineOf([state, entryKv(4), entryKv(7)]);
    expect([shown(over), over.admitted.length]).toEqual(['4 7', 1]);
    expect(choreOf(KEYS, over)?.success).toHaveLength(2);
    const claimed = kvOf(KEYS.entry(1n, 4), recordToJson(recordOf(4), 'token'), 4, 8);
    const settled = lineOf([stateKv('lock', 1, { floor: 'here' }, 8), claimed, entryKv(7)]);
    expect(settled.entries.map(({ place, token }) => [place, token])).toEqual([
      [4, 8],
      [7, 0],
    ]);
    // The late one's own place is older than that token, so it gets a newer one, too.
    expect(choreOf(KEYS, lineOf([stateKv('lock', 1, { floor: 'here' }, 8), entryKv(7)]))).not.toBeNull();
  });

  test('of an event shows those that were in line when it was cleared as let in', () => {
    const cleared = stateKv('event', 1, { letIn: 'here' }, 5);
    expect(shown(lineOf([cleared, entryKv(3), entryKv(4), entryKv(6)]))).toBe('3! 4! 6');
    expect(shown(lineOf([stateKv('event', 1, { value: 1 }), entryKv(3)]))).toBe('3!');
  });

  test('of a condition needs a wake-up passed on exactly if fewer are woken than it counts', () => {
    const line = (count: number) => lineOf([stateKv('condition', 1, { letIn: 4, count }), entryKv(4), entryKv(6)]);
    expect(choreOf(KEYS, line(1))).toBeNull();
    const [write] = choreOf(KEYS, line(2))?.success ?? [];
    expect(JSON.parse(String(write?.put?.value))).toMatchObject({ letIn: 6, count: 2 });
  });

  test('of a barrier leaves out those that were ended together, and needs it broken exactly if one is missing', () => {
    const ended = [{ from: 3, to: 5, reason: 'it was reset' }];
    const kvs = (count: number) => [
      stateKv('barrier', 3, { letIn: 3, count, ended }),
      entryKv(3),
      entryKv(4),
      entryKv(6),
    ];
    const line = lineOf(kvs(1));
    expect([shown(line), line.whyEnded(4)?.reason, line.whyEnded(6)]).toEqual(['3! 6', 'it was reset', null]);
    expect(choreOf(KEYS, line)).toBeNull();
    const [write] = choreOf(KEYS, lineOf(kvs(2)))?.success ?? [];
    expect(JSON.parse(String(write?.put?.value))).toMatchObject({
      value: 1,
      letIn: 3,
      ended: [
        [3, 5, 'it was reset'],
        [3, 6, expect.stringContaining('its lease')],
      ],
    });
  });

  test('whose state is of another version is none that may be changed', () => {
    for (const json of ['', '{}', '{"v":2,"kind":"lock","permits":1}', '{"v":1,"kind":"lock","permits":0}']) {
      const line = lineOf([kvOf(KEYS.state, json, 2)]);
      expect([line.isUnknown, line.state]).toEqual([true, null]);
    }
  });
});

describe('the keys of a name', () => {
  test('are below it alone: no other name has a key among them', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 20 }),
        fc.string({ minLength: 1, maxLength: 20 }),
        (one, other) => {
          fc.pre(one !== other && ![one, other].some((name) => name.includes('\0') || !name.isWellFormed()));
          const keys = new StoreKeys('p');
          const { key, rangeEnd } = keys.of(one).all;
          const foreign = Buffer.from(keys.of(other).state);
          const isInside =
            Buffer.compare(foreign, Buffer.from(key)) >= 0 && Buffer.compare(foreign, Buffer.from(rangeEnd ?? '')) < 0;
          expect(isInside).toBe(false);
          expect(decodeURIComponent(keys.encodedNameOf(keys.of(one).state) ?? '')).toBe(one);
        },
      ),
    );
  });
});
