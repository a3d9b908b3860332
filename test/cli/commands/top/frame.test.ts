import { describe, expect, test } from 'vitest';
import { type Frame, frameOf, type Scene, type TopView } from '../../../../cli/commands/top/frame.ts';
import { helpLines } from '../../../../cli/commands/top/keys.ts';
import { keyOf } from '../../../../cli/report/blockers.ts';
import { hasUnseen } from '../../../../cli/text/escape.ts';
import { cut, filled, widthOf } from '../../../../cli/text/truncate.ts';
import { StoreError } from '../../../../lib/errors.ts';
import { judgeJob } from '../../../../lib/jobs/health.ts';
import type { EntryView, LineView } from '../../../../lib/store/store.ts';

const NOW = 1_000_000_000;

function entry(ticket: number, given: Partial<EntryView> & { pid?: number } = {}): EntryView {
  const { pid = ticket, ...rest } = given;
  const owner = { session: `s${ticket}`, pid, host: 'here', place: 'here' as const, gone: null };
  return {
    ticket,
    token: ticket,
    state: 'holding',
    ask: 1,
    label: `command ${ticket}`,
    since: NOW - 65_000,
    ours: false,
    owners: [owner],
    keeps: { held: [], waits: 1 },
    stale: false,
    ...rest,
  };
}

function waits(ticket: number, given: Partial<EntryView> = {}): EntryView {
  return entry(ticket, { state: 'waiting', token: 0, ...given });
}

function line(name: string, entries: EntryView[], given: Partial<LineView> = {}): LineView {
  return { name, kind: 'lock', permits: 1, value: 0, revision: 0, entries, ...given };
}

function view(views: LineView[], given: Partial<TopView> = {}): TopView {
  const lines = views.map((one) => ({ name: one.name, line: one, failure: null }));
  return {
    place: '/store',
    state: 'there',
    failure: null,
    lines,
    isChosen: false,
    deadlocked: new Set(),
    jobs: [],
    ...given,
  };
}

const SCENE: Scene = { now: NOW, clock: '12:34:56', columns: 80, rows: 24, offset: 0, keys: 'q quit' };

function frame(lines: LineView[], scene: Partial<Scene> = {}, given: Partial<TopView> = {}): Frame {
  return frameOf(view(lines, given), { ...SCENE, ...scene });
}

function texts({ lines }: Frame): string[] {
  return lines.map(({ text }) => text.trimEnd());
}

/** What a row says, column by column. */
function row(found: Frame, pid: string): string[] {
  const text = texts(found).find((one) => one.trim().split(/ {2,}/)[1] === pid) ?? '';
  return text.trim().split(/ {2,}/);
}

describe('what a frame says', () => {
  test('below the resources the jobs: those that are not well, in red, with their last runs', () => {
    const jobs = [
      { name: 'backup', verdict: judgeJob([], NOW), strip: '✓✗·3' },
      { name: 'mail', verdict: { ...judgeJob([], NOW), state: 'ok' as const, problem: null }, strip: '✓✓' },
    ];
    const found = frame([line('a', [entry(1)])], {}, { jobs });
    const at = texts(found).findIndex((text) => text.startsWith('Jobs'));
    expect(texts(found).slice(at, at + 4)).toEqual([
      'Jobs  2 jobs, 1 not well',
      '  STATE    JOB     RUNS  NEXT DUE  REASON',
      expect.stringMatching(/^ {2}unknown {2}backup {2}✓✗·3 {2}- {9}\S/),
      '  ok       mail    ✓✓    -         -',
    ]);
    expect(found.lines.slice(at + 2, at + 4).map(({ tone }) => tone)).toEqual(['alert', 'plain']);
  });

  test('which entry is selected, and that it is in sight if the last key selected it', () => {
    const lines = Array.from({ length: 40 }, (_, n) => line(`lock-${n + 10}`, [entry(n + 1)]));
    const { entries } = frame(lines);
    expect(entries).toHaveLength(40);
    const last = entries.at(-1);
    const scene = { selected: last?.key ?? '', rows: 12 };
    const away = frame(lines, scene);
    expect(away.lines.some(({ tone }) => tone === 'selected')).toBe(false);
    const followed = frame(lines, { ...scene, isFollowed: true });
    const [selected] = followed.lines.filter(({ tone }) => tone === 'selected');
    expect(selected?.text).toMatch(/^> holding +40 /);
    expect(frame(lines, { ...scene, isFollowed: true, offset: followed.offset }).offset).toBe(followed.offset);
  });

  test('help in the place of all of that', () => {
    expect(texts(frame([line('a', [entry(1)])], { help: ['some', 'help'] })).slice(1, 3)).toEqual(['some', 'help']);
  });

  test('first the store, how many there are of each, and the time; last the keys', () => {
    const found = texts(frame([line('a', [entry(1), waits(2), waits(3)]), line('b', [entry(4)])]));
    expect(found[0]).toMatch(/^lockstep top {2}\/store +2 resources, 2 holders, 2 waiters {2}12:34:56$/);
    expect(found).toHaveLength(24);
    expect(found.at(-1)).toBe('q quit');
  });

  test('under each resource its entries: state, pid, age, whom they wait for, command', () => {
    const found = frame([line('deploy', [entry(1), waits(2), waits(3)])]);
    expect(texts(found).slice(1, 6)).toEqual([
      '  STATE    PID      AGE     WAITS FOR    COMMAND',
      'deploy  lock  1 holding, 2 waiting',
      '  holding  1        1m 5s   -            command 1',
      '  waiting  2        1m 5s   1            command 2',
      '  waiting  3        1m 5s   1, behind 2  command 3',
    ]);
  });

  test('of many in the way, the first three and how many more there are', () => {
    const holders = [1, 2, 3, 4, 5].map((ticket) => entry(ticket));
    const waiters = [11, 12, 13, 14, 15].map((ticket) => waits(ticket));
    const found = frame([line('ktv', [...holders, ...waiters], { kind: 'semaphore', permits: 5 })], { columns: 120 });
    expect(row(found, '11')[3]).toBe('1 2 3 +2');
    expect(row(found, '15')[3]).toBe('1 2 3 +2, behind 11 12 13 +1');
    expect(texts(found)).toContain('ktv  semaphore(5)  5 of 5 taken, 5 waiting');
  });

  test('one process that holds several times is named once', () => {
    const found = frame([line('ktv', [entry(1, { pid: 7 }), entry(2, { pid: 7 }), waits(3)], { kind: 'semaphore' })]);
    expect(row(found, '3')[3]).toBe('7');
  });

  test('a holder that itself waits elsewhere meanwhile says for what', () => {
    const keeps = { held: [{ name: 'a', ticket: 1 }], waits: 1 };
    const found = frame([line('a', [entry(1)]), line('b', [entry(2), waits(3, { keeps })])]);
    expect(row(found, '1')[3]).toBe('lock b');
    expect(row(found, '2')[3]).toBe('-');
  });

  test('shares, permits, the stale and the deadlocked are named, not only coloured', () => {
    const entries = [entry(1, { ask: 0 }), entry(2, { ask: 3 }), entry(3, { stale: true }), waits(4)];
    const found = frame([line('n', entries)], {}, { deadlocked: new Set([keyOf('n', 4)]) });
    const states = ['1', '2', '3', '4'].map((pid) => row(found, pid)[0]);
    expect(states).toEqual(['holding shared', 'holding ×3', 'holding stale', 'waiting deadlock']);
    expect(found.lines.filter(({ tone }) => tone === 'alert')).toHaveLength(2);
  });

  test('an owner elsewhere is named with its host, also where it is in the way', () => {
    const owner = { session: 's', pid: 9, host: 'far\x1b', place: 'elsewhere' as const, gone: null };
    const found = frame([line('n', [entry(1, { owners: [owner] }), waits(2)])]);
    expect(row(found, '9@far\\x1b')[0]).toBe('holding');
    expect(row(found, '2')[3]).toBe('9@far\\x1b');
  });

  test.each([
    ['event', 1, [waits(1)], 'the event to be set', 'n  event  clear, 1 waiting'],
    ['condition', 1, [waits(1)], 'a notify', 'n  condition  free, 1 waiting'],
    ['barrier', 3, [waits(1)], '2 more to come', 'n  barrier(3)  free, 1 waiting'],
  ])('who waits at an %s waits for no process', (kind, permits, entries, what, title) => {
    const found = frame([line('n', entries, { kind, permits })]);
    expect(row(found, '1')[3]).toBe(what);
    expect(texts(found)).toContain(title);
  });

  test('the most contended comes first, then by name; what has only a value is last, and what is free is not there', () => {
    const found = texts(
      frame([
        line('c', [entry(1)]),
        line('a', [entry(2)]),
        line('free', []),
        line('0', [], { kind: 'counter', value: 7 }),
        line('z', [entry(3), waits(4)]),
      ]),
    );
    expect(found.filter((text) => /^\w+ {2}/.test(text))).toEqual([
      'z  lock  1 holding, 1 waiting',
      'a  lock  1 holding',
      'c  lock  1 holding',
      '0  counter  7',
    ]);
  });

  test('names that were chosen are there whatever they are', () => {
    const readings = [
      { name: 'free', line: line('free', []), failure: null },
      { name: 'never', line: null, failure: null },
      { name: 'torn', line: null, failure: new StoreError('STORE_DAMAGED', 'it is\ndamaged', { path: '/store' }) },
    ];
    const found = frame([], {}, { lines: readings, isChosen: true });
    expect(texts(found).slice(1, 4)).toEqual([
      'free  lock  free',
      'never  never used',
      'torn  cannot be read: it is\\x0adamaged',
    ]);
    expect(found.lines[3]?.tone).toBe('alert');
  });

  test('where there is nothing to show it says why', () => {
    expect(texts(frame([]))[1]).toBe('There are no holders and no waiters.');
    expect(texts(frame([], {}, { state: 'absent' }))[1]).toBe(
      'There is nothing in /store yet. New entries are shown here.',
    );
    expect(texts(frame([], {}, { state: 'gone' }))[1]).toMatch(/^The store is gone\./);
    const failure = new StoreError('STORE_DENIED', 'no\x07', { operation: 'open', path: '/store' });
    expect(texts(frame([], {}, { state: 'unusable', failure }))[1]).toBe(
      'no\\x07 On the command line --dir chooses the store.',
    );
  });

  test('an age changes once a second, then once a minute, and never runs backwards', () => {
    const ages = [-5, 0, 999, 1_000, 59_999, 60_000, 3_599_999, 90_000_000];
    const found = frame([
      line(
        'n',
        ages.map((age, at) => entry(at + 1, { since: NOW - age })),
      ),
    ]);
    expect(ages.map((_, at) => row(found, String(at + 1))[2])).toEqual([
      '0s',
      '0s',
      '0s',
      '1s',
      '59s',
      '1m',
      '59m 59s',
      '1d 1h',
    ]);
  });
});

describe('how it fits', () => {
  const crowd = Array.from({ length: 30 }, (_, i) => line(`n${i}`, [entry(2 * i + 1), waits(2 * i + 2)]));

  test('no line is wider than the screen and no frame higher, whatever the size and whatever is shown', () => {
    const wide = [
      ...crowd,
      line('漢'.repeat(60), [entry(91, { label: '🎉'.repeat(90) }), waits(92, { label: 'e\u0301'.repeat(200) })]),
      line('\x1b[2J\u202e\u200b', [entry(93, { label: '\u2066\u{e0041}' })], { kind: 'semaphore', permits: 4 }),
    ];
    for (let columns = 1; columns <= 130; columns += 1) {
      for (const rows of [1, 2, 3, 4, 5, 6, 7, 24]) {
        const found = frame(wide, { columns, rows, offset: columns });
        expect(found.lines.length).toBeLessThanOrEqual(rows);
        for (const { text } of found.lines) {
          expect(widthOf(text)).toBeLessThanOrEqual(columns);
          expect(hasUnseen(text)).toBe(false);
        }
      }
    }
  });

  test('all of it can be reached by scrolling, and nothing is behind the end', () => {
    const seen = new Set<string>();
    const { page } = frame(crowd);
    for (let offset = 0; offset < 90; offset += page) {
      const found = frame(crowd, { offset });
      expect(found.offset).toBe(Math.min(offset, 90 - page));
      for (const name of found.names) seen.add(name);
    }
    expect(seen.size).toBe(30);
    const last = frame(crowd, { offset: Number.MAX_SAFE_INTEGER });
    expect(last.offset).toBe(90 - page);
    expect(texts(last).at(-1)).toBe(`q quit  ${90 - page + 1}–90 of 90`);
    expect(frame(crowd, { offset: -3 }).offset).toBe(0);
  });

  test('without bounds it is all there, with no foot', () => {
    const bounds = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY, keys: null };
    const label = 'x'.repeat(200);
    const found = texts(frame([...crowd, line('long', [entry(99, { label })])], bounds));
    expect(found).toHaveLength(2 + 90 + 2);
    expect(found.at(-1)).toContain(label);
  });

  test('a long name leaves room for what is said of it', () => {
    const text = texts(frame([line('x'.repeat(200), [entry(1)])])).find((one) => one.startsWith('x')) ?? '';
    expect(text).toMatch(/^x{26}…x{13} {2}lock {2}1 holding$/);
  });
});

describe('cut', () => {
  test.each([
    ['plain', 5, 'plain'],
    ['plain', 4, 'pla…'],
    ['plain', 1, '…'],
    ['plain', 0, ''],
    ['漢字漢字', 8, '漢字漢字'],
    ['漢字漢字', 7, '漢字漢…'],
    ['漢字漢字', 6, '漢字…'],
    ['漢', 1, '…'],
    ['x… …', 3, 'x……'],
    ['𠮷𠮷𠮷', 5, '𠮷𠮷…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['👨‍👩‍👧👨‍👩‍👧', 3, '👨‍👩‍👧…'],
  ])('%s in %i columns is %s', (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
    expect(widthOf(filled(text, columns))).toBe(columns);
  });
});

test('a question stands out at the foot, and the help fits every screen', () => {
  const { lines } = frame([], { keys: 'Break? y: yes', isAsking: true });
  expect(lines.at(-1)).toEqual({ text: 'Break? y: yes', tone: 'question' });
  expect(frame([]).lines.at(-1)?.tone).toBe('foot');
  for (const columns of [40, 60, 100])
    for (const one of helpLines(columns)) expect(one.length, one).toBeLessThanOrEqual(columns);
});

test('at a narrow screen a command keeps twelve columns beside what it waits for', () => {
  const label = './deploy.sh --region eu-central-1';
  const many = [1, 2, 3].map((ticket) => entry(ticket, { ask: 1 }));
  const shown = texts(
    frame([line('n', [...many, waits(4, { label })], { kind: 'semaphore', permits: 3 })], { columns: 60 }),
  );
  expect(shown.find((one) => one.includes('waiting') && one.includes('./'))).toMatch(/ \.\/deploy\.sh/);
  for (const one of shown) expect(one.length).toBeLessThanOrEqual(60);
});
