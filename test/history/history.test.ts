import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { StoreError } from '../../lib/errors.ts';
import { History } from '../../lib/history/history.ts';
import { holdOf, type Span, waitOf } from '../../lib/history/span.ts';
import type { Files } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { encodeHeader } from '../../lib/journal/epoch-header.ts';
import { toWire, type WireFacts } from '../../lib/session/facts.ts';
import { encodeName } from '../../lib/store/name.ts';
import type { Past } from '../../lib/store/past.ts';
import { temporaryDirectory } from '../support/tape.ts';

const P: WireFacts = [100, 100, 5, 'boot', 1, 'web1'];
const Q: WireFacts = [200, 200, 6, 'boot', 1, 'web2'];
const EMPTY = { name: 'x', kind: 'lock', permits: 1, last: 0, token: 0, value: 0, entries: [] };

type Line = unknown[] | string;

class Kept extends History {
  readonly root: string;

  constructor(root: string) {
    super(nodeHost, { path: root, local: true });
    this.root = root;
  }

  /** A journal's file. */
  file(number: number): string {
    return path.join(this.root, 'resources', 'x', `journal.${number}`);
  }
}

/** A store with journals as given: each a header, and then records, or whatever else stands in its lines. */
function store(journals: Record<number, [header: object | string, ...lines: Line[]]>, name = 'x'): Kept {
  const root = temporaryDirectory();
  const directory = path.join(root, 'resources', encodeName(name));
  fs.mkdirSync(directory, { recursive: true });
  for (const [number, [header, ...lines]] of Object.entries(journals)) {
    const first = typeof header === 'string' ? header : encodeHeader({ ...EMPTY, ...header }).toString();
    const rest = lines.map((line) => `\n${typeof line === 'string' ? line : JSON.stringify(line)}`);
    fs.writeFileSync(path.join(directory, `journal.${number}`), first + rest.join(''));
  }
  return new Kept(root);
}

/** The same store, on which some calls on files are others. */
function on(history: Kept, files: Partial<Files>): History {
  return new History({ ...nodeHost, files: { ...nodeHost.files, ...files } }, { path: history.root, local: true });
}

function pastOf(history: History): Past {
  const past = history.of('x');
  if (!past) throw new Error('nothing is kept');
  return past;
}

/** Times in µs, as records have them, are ms of the span times 1000. */
const at = (ms: number) => ms * 1000;
const enter = (id: string, ms: number, { facts = P, ask = 1, label = id } = {}): Line => [
  'enter',
  id,
  facts,
  ask,
  at(ms),
  label,
];
const leave = (id: string, ticket: number, ms: number): Line => ['leave', id, at(ticket), at(ms)];

function brief(spans: readonly Span[]): unknown[] {
  return spans.map(({ label, enteredAt, grantedAt, endedAt, end }) => [label, enteredAt, grantedAt, endedAt, end]);
}

test('an entry is shown with when it entered, when it held, and when and how it ended', () => {
  const past = pastOf(
    store({
      1: [
        {},
        enter('a:1', 10),
        enter('b:1', 20, { facts: Q }),
        enter('c:1', 30),
        leave('c:2', 30, 35),
        leave('a:2', 10, 40),
        enter('d:1', 45),
        leave('b:2', 20, 70),
      ],
    }),
  );
  expect(brief(past.spans)).toEqual([
    ['a:1', 10, 10, 40, 'left'],
    ['b:1', 20, 40, 70, 'left'],
    ['c:1', 30, null, 35, 'gave up waiting'],
    ['d:1', 45, 70, null, 'still holding'],
  ]);
  expect(past.spans[1]).toMatchObject({ pid: 200, host: 'web2', session: 'b', ticket: 20_000, token: 20_000, ask: 1 });
  expect(past.spans.map((span) => [waitOf(span, 100)?.ms, holdOf(span, 100)?.ms])).toEqual([
    [0, 30],
    [20, 30],
    [5, undefined],
    [25, 30],
  ]);
  expect(past).toMatchObject({ name: 'x', kind: 'lock', permits: 1, value: 0, from: 10, damaged: [] });
});

test('who was evicted has the reason, and by whom; who was stolen from, the thief', () => {
  const past = pastOf(
    store({
      1: [
        {},
        enter('a:1', 10),
        enter('b:1', 20),
        ['evict', 'b:2', at(10), at(30), 1, 'its process is gone', 'pid 100 on web1'],
        ['steal', 'c:1', Q, at(40), 'thief'],
        enter('d:1', 50),
        ['evict', 'e:1', at(50), at(60), 0, 'stolen', 'pid 5 on h'],
      ],
    }),
  );
  expect(past.spans.map(({ label, end, reason, by, endedAt }) => [label, end, reason, by, endedAt])).toEqual([
    ['a:1', 'evicted', 'its process is gone', 'pid 100 on web1', 30],
    ['b:1', 'stolen', 'stolen', 'pid 200 on web2', 40],
    ['thief', 'still holding', '', '', null],
    // Whatever an eviction gives as its reason, it is no theft.
    ['d:1', 'evicted', 'stolen', 'pid 5 on h', 60],
  ]);
  expect(past.spans[2]).toMatchObject({ grantedAt: 40, enteredAt: 40 });
});

test('those who share a lock hold at once, and a writer between them waits for both', () => {
  const past = pastOf(
    store({
      1: [
        {},
        enter('a:1', 10, { ask: 0 }),
        enter('b:1', 11, { ask: 0 }),
        enter('w:1', 12),
        enter('c:1', 13, { ask: 0 }),
        leave('a:2', 10, 20),
        leave('b:2', 11, 30),
        leave('w:2', 12, 50),
      ],
    }),
  );
  expect(brief(past.spans)).toEqual([
    ['a:1', 10, 10, 20, 'left'],
    ['b:1', 11, 11, 30, 'left'],
    ['w:1', 12, 30, 50, 'left'],
    ['c:1', 13, 50, null, 'still holding'],
  ]);
});

const ENTRY = [at(10), 'a:1', [['a', P]], 1, at(10), 'a:1', at(10)];
const WAITER = [at(20), 'b:1', [['b', Q]], 1, at(20), 'b:1', 0];
const CARRIED = { last: at(20), token: at(10), entries: [ENTRY, WAITER] };

test('an entry that outlives its epoch is one span', () => {
  const past = pastOf(
    store({
      4: [{}, enter('a:1', 10), enter('b:1', 20), ['seal', 'a:seal4', at(25)], leave('a:9', 10, 26)],
      5: [CARRIED, leave('a:2', 10, 40), leave('b:2', 20, 50)],
    }),
  );
  expect(brief(past.spans)).toEqual([
    ['a:1', 10, 10, 40, 'left'],
    ['b:1', 20, 40, 50, 'left'],
  ]);
});

test('of who held already when what is known begins, the beginning of that is not known', () => {
  const past = pastOf(store({ 5: [CARRIED, leave('a:2', 10, 40), leave('b:2', 20, 50)] }));
  expect(brief(past.spans)).toEqual([
    ['a:1', 10, null, 40, 'left'],
    ['b:1', 20, 40, 50, 'left'],
  ]);
  const [first] = past.spans as [Span];
  expect(first.held).toBe(true);
  expect([waitOf(first, 60), holdOf(first, 60)]).toEqual([null, null]);
  expect(past.from).toBe(40);
});

test('an epoch that leads nowhere is left out: it was never sealed, or there is a gap behind it', () => {
  const unsealed = store({ 4: [{}, enter('z:1', 5)], 5: [CARRIED, leave('a:2', 10, 40)] });
  const gap = store({ 3: [{}, enter('z:1', 5), ['seal', 'z:seal3', at(6)]], 5: [CARRIED, leave('a:2', 10, 40)] });
  for (const history of [unsealed, gap]) {
    expect(brief(pastOf(history).spans)).toEqual([
      ['a:1', 10, null, 40, 'left'],
      ['b:1', 20, 40, null, 'still holding'],
    ]);
  }
});

test('of who is not in the next header any more, the end is not known', () => {
  const past = pastOf(
    store({ 4: [{}, enter('a:1', 10), enter('b:1', 20), ['seal', 'a:seal4', at(25)]], 5: [{ last: at(20) }] }),
  );
  expect(past.spans.map(({ end, endedAt }) => [end, endedAt])).toEqual([
    ['unknown', null],
    ['unknown', null],
  ]);
  expect(past.spans.map((span) => [waitOf(span, 99), holdOf(span, 99)])).toEqual([
    [{ ms: 0, isSkewed: false }, null],
    [null, null],
  ]);
});

test('a damaged predecessor is passed over, and said; a damaged current epoch is an error', () => {
  const past = pastOf(store({ 4: ['{"no": "journal"}'], 5: [CARRIED, leave('a:2', 10, 40)] }));
  expect(past.damaged).toEqual([4]);
  expect(past.spans).toHaveLength(2);
  const codes = (['garbage', '["lockstep",3,{}]', '["lockstep",2,{}]', ''] as const).map((header) => {
    try {
      store({ 5: [header] }).of('x');
      return 'none';
    } catch (error) {
      return error instanceof StoreError ? error.code : String(error);
    }
  });
  expect(codes).toEqual(['STORE_DAMAGED', 'STORE_FORMAT', 'STORE_DAMAGED', 'STORE_DAMAGED']);
});

test('lines that are no records, and void records, are no part of the history', () => {
  const past = pastOf(
    store({
      1: [
        {},
        '["enter","a:0",[1',
        enter('a:1', 10),
        '\0\0\0',
        ['try', 'b:1', Q, 1, at(11), 'void'],
        ['leave', 'b:2', 77, at(12)],
        ['add', 'b:3', at(13), 5],
        ['__proto__', 'b:4', at(14)],
        leave('a:2', 10, 40),
        '["enter","torn',
      ],
    }),
  );
  expect(brief(past.spans)).toEqual([['a:1', 10, 10, 40, 'left']]);
  expect(past.actions).toEqual([]);
  expect(past.from).toBe(10);
});

test.each([
  ['text', 'yesterday'],
  ['null', null],
  ['less than nothing', -5],
  ['beyond all calendars', 9.007e15],
  ['a fraction', 1.5],
])('a time that is %s is not known, and nothing is reckoned from it', (_, time) => {
  const past = pastOf(
    store({ 1: [{}, enter('a:1', 10), enter('b:1', 20), ['leave', 'a:2', at(10), time], leave('b:2', 20, 50)] }),
  );
  expect(brief(past.spans)).toEqual([
    ['a:1', 10, 10, null, 'left'],
    ['b:1', 20, null, 50, 'left'],
  ]);
  expect(past.spans.map((span) => [waitOf(span, 99), holdOf(span, 99)])).toEqual([
    [{ ms: 0, isSkewed: false }, null],
    [null, null],
  ]);
});

test('where clocks disagree, a stretch of less than nothing is 0, and marked', () => {
  const past = pastOf(
    store({ 1: [{}, enter('a:1', 100), enter('b:1', 200), leave('a:2', 100, 90), leave('b:2', 200, 80)] }),
  );
  expect(past.spans.map((span) => [waitOf(span, 300), holdOf(span, 300)])).toEqual([
    [
      { ms: 0, isSkewed: false },
      { ms: 0, isSkewed: true },
    ],
    [
      { ms: 0, isSkewed: true },
      { ms: 0, isSkewed: true },
    ],
  ]);
});

test('after a hand-over the process is the one that has it now', () => {
  const past = pastOf(
    store({ 1: [{}, enter('a:1', 10), ['adopt', 'a:2', at(10), at(20), 'child', Q, true], leave('c:1', 10, 30)] }),
  );
  expect(past.spans).toMatchObject([{ pid: 200, host: 'web2', session: 'a', end: 'left', endedAt: 30 }]);
});

test('an entry whose every owner the kernel knows to be gone is stale; one that may live is not', () => {
  const self = toWire(nodeHost.processes.self());
  const dead: WireFacts = [self[0], self[1], self[2] + 1, self[3], self[4], self[5], self[6] ?? 0];
  const past = pastOf(
    store({
      1: [
        { kind: 'semaphore', permits: 3 },
        enter('a:1', 10, { facts: dead }),
        enter('b:1', 20, { facts: self }),
        enter('c:1', 30, { facts: dead }),
        ['adopt', 'c:2', at(30), at(31), 'child', self, false],
      ],
    }),
  );
  expect(past.spans.map(({ stale }) => stale)).toEqual(['its process is gone (the pid is reused)', null, null]);
});

test('what was done to an event, a condition, a barrier and a counter is shown, and what came of it', () => {
  const event = pastOf(
    store({
      1: [{ kind: 'event' }, enter('a:1', 10), ['set', 'a:2', at(20)], enter('b:1', 25), ['clear', 'c:1', at(30)]],
    }),
  );
  expect(event.actions).toMatchObject([
    { did: 'set', at: 20, number: null, outcome: 1, session: 'a', pid: 100, host: 'web1' },
    { did: 'clear', at: 30, outcome: 0, session: 'c', pid: null, host: null },
  ]);
  expect(brief(event.spans)).toEqual([
    ['a:1', 10, 20, null, 'still holding'],
    ['b:1', 25, 25, null, 'still holding'],
  ]);
  expect(event.value).toBe(0);
  const condition = pastOf(
    store({ 1: [{ kind: 'condition' }, enter('a:1', 10), enter('b:1', 11), ['notify', 'c:1', at(20), 5]] }),
  );
  expect(condition.actions).toMatchObject([{ did: 'notify', number: 5, outcome: 2 }]);
  const barrier = pastOf(
    store({
      1: [
        { kind: 'barrier', permits: 2 },
        enter('a:1', 10),
        ['abort', 'c:1', at(20)],
        ['reset', 'c:2', at(30)],
        enter('a:3', 40),
        enter('b:1', 50),
      ],
    }),
  );
  expect(brief(barrier.spans)).toEqual([
    ['a:1', 10, null, 20, 'evicted'],
    ['a:3', 40, 50, null, 'still holding'],
    ['b:1', 50, 50, null, 'still holding'],
  ]);
  expect(barrier.spans[0]).toMatchObject({ reason: 'it was aborted', by: 'unknown' });
  const counter = pastOf(
    store({
      1: [
        { kind: 'counter', value: 7 },
        ['add', 'a:1', at(10), 3],
        ['add', 'a:2', at(20), -20],
        ['add', 'a:3', at(5), 2 ** 53 - 1],
      ],
    }),
  );
  expect(counter.actions.map(({ did, number, outcome, at }) => [did, number, outcome, at])).toEqual([
    ['add', 3, 10, 10],
    ['add', -20, -10, 20],
    ['add', 2 ** 53 - 1, 2 ** 53 - 11, 5],
  ]);
  expect(counter.value).toBe(2 ** 53 - 11);
});

test('what was taken from a counter is in its past, but no refusal and no repeat', () => {
  const past = pastOf(
    store({
      1: [
        { kind: 'counter', value: 0 },
        ['load', 'a:1', at(10), 3, 'monday', 'g'],
        ['take', 'b:2', at(20), 2, 0, 'order-1', 9],
        ['take', 'a:3', at(30), 2, 0, 'order-2', 9],
        ['take', 'a:4', at(40), 2, 0, 'order-1', 9],
        ['trim', 'b:5', at(50), 1],
      ],
    }),
  );
  expect(past.actions.map(({ did, number, outcome, session }) => [did, number, outcome, session])).toEqual([
    ['load', 3, 3, 'a'],
    ['take', 2, 1, 'b'],
    ['trim', 1, 1, 'b'],
  ]);
});

/** Calls that change something. None of them is made. */
const CHANGES = [
  'openForAppend',
  'create',
  'write',
  'sync',
  'link',
  'remove',
  'removeDirectory',
  'makeDirectory',
  'touch',
  'touchOpen',
  'rename',
] as const;

test('reading changes nothing, also where an epoch is sealed and its successor was never made', () => {
  const sealed = store({ 1: [{}, enter('a:1', 10), ['seal', 'a:seal1', at(20)], leave('a:2', 10, 30)] });
  const refusals = CHANGES.map((call) => [
    call,
    () => {
      throw new Error(`${call} was called`);
    },
  ]);
  const before = fs.statSync(sealed.file(1)).mtimeMs;
  const past = on(sealed, Object.fromEntries(refusals)).of('x');
  expect(brief(past?.spans ?? [])).toEqual([['a:1', 10, 10, null, 'still holding']]);
  expect(fs.readdirSync(path.dirname(sealed.file(1)))).toEqual(['journal.1']);
  expect(fs.statSync(sealed.file(1)).mtimeMs).toBe(before);
});

const FOURTH: [object, ...Line[]] = [{}, enter('a:1', 10), enter('b:1', 20), ['seal', 'a:seal4', at(25)]];

/** The fifth epoch is sealed, and the sixth made; the fourth is swept away. */
function rotate(history: Kept): void {
  fs.appendFileSync(history.file(5), `\n${JSON.stringify(['seal', 'b:seal5', at(50)])}`);
  const header = { ...EMPTY, last: at(20), token: at(20), entries: [[...WAITER.slice(0, 6), at(20)]] };
  fs.writeFileSync(history.file(6), `${encodeHeader(header)}\n${JSON.stringify(leave('b:2', 20, 60))}`);
  fs.rmSync(history.file(4));
}

test.each(['list', 'openForReading', 'read'] as const)(
  'a rotation that comes right after the first %s loses nothing that is still on disk',
  (moment) => {
    const history = store({ 4: FOURTH, 5: [CARRIED, leave('a:2', 10, 40)] });
    let isFirst = true;
    const then =
      <A extends unknown[], R>(call: (...args: A) => R) =>
      (...args: A): R => {
        const result = call(...args);
        if (isFirst) rotate(history);
        isFirst = false;
        return result;
      };
    const interrupted = on(history, { [moment]: then(nodeHost.files[moment] as (...args: unknown[]) => unknown) });
    // Opened before it: told as it was then. Else as it is now.
    const isOpen = moment === 'read';
    expect(brief(interrupted.of('x')?.spans ?? [])).toEqual([
      ['a:1', 10, isOpen ? 10 : null, 40, 'left'],
      ['b:1', 20, 40, ...(isOpen ? [null, 'still holding'] : [60, 'left'])],
    ]);
  },
);

test('a journal that is always a rotation ahead is not followed for ever, and leaves no descriptor open', () => {
  const history = store({ 4: FOURTH, 5: [CARRIED] });
  let open = 0;
  let highest = 5;
  const hurried = on(history, {
    list: () => [`journal.${highest - 1}`, `journal.${highest++}`],
    openForReading: () => {
      open += 1;
      return 1_000;
    },
    close: () => {
      open -= 1;
    },
  });
  expect(() => hurried.of('x')).toThrow(expect.objectContaining({ code: 'STORE_BUSY' }));
  expect(open).toBe(0);
});

test('a name under which nothing was kept is null, and the directory of another name is refused', () => {
  const history = store({ 1: [{ name: 'X' }] });
  expect(history.of('y')).toBeNull();
  expect(() => history.of('x')).toThrow(/is the directory of X/);
  expect(new History(nodeHost, { path: path.join(history.root, 'nowhere'), local: true }).of('x')).toBeNull();
});

test('all of a store are listed by name, and one that cannot be read hides no other', () => {
  const long = 'long/'.repeat(40);
  const history = store({ 1: [{ name: long }, enter('a:1', 10)] }, long);
  for (const [directory, text] of [
    ['b', encodeHeader({ ...EMPTY, name: 'b' })],
    ['a%2Fb', encodeHeader({ ...EMPTY, name: 'a/b' })],
    ['damaged', 'garbage'],
    ['other', encodeHeader({ ...EMPTY, name: 'b' })],
  ] as const) {
    fs.mkdirSync(path.join(history.root, 'resources', directory));
    fs.writeFileSync(path.join(history.root, 'resources', directory, 'journal.1'), text);
  }
  fs.mkdirSync(path.join(history.root, 'resources', 'empty'));
  fs.mkdirSync(path.join(history.root, 'resources', '.make.x'));
  const errors: unknown[] = [];
  expect(history.all((error) => errors.push(error)).map(({ name }) => name)).toEqual(['a/b', 'b', long]);
  expect(errors).toMatchObject([{ code: 'STORE_DAMAGED' }]);
});

test('what symbolic links lead to is not read', () => {
  const history = store({ 1: [{}, enter('a:1', 10)] });
  const elsewhere = path.join(history.root, 'elsewhere');
  fs.renameSync(history.file(1), elsewhere);
  fs.symlinkSync(elsewhere, history.file(1));
  expect(() => history.of('x')).toThrow(expect.objectContaining({ code: 'STORE_UNSAFE' }));
});
