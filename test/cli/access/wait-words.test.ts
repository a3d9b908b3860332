import { describe, expect, test } from 'vitest';
import { expectedWaitMs, medianHold } from '../../../cli/access/wait-estimate.ts';
import { waitLine } from '../../../cli/access/wait-words.ts';
import { widthOf } from '../../../cli/text/truncate.ts';
import type { EntryView, LineView } from '../../../lib/index.ts';
import type { Past, Span } from '../../../lib/store/past.ts';

const NOW = 1_000_000_000;
const USUAL = 60_000;

function entry(state: EntryView['state'], wishes: Partial<EntryView> = {}): EntryView {
  const owner = { session: 's', pid: 42, host: 'web1', place: 'here', gone: null } as const;
  const keeps = { held: [], waits: 0 };
  return {
    ticket: 1,
    token: 0,
    state,
    ask: 1,
    label: './deploy.sh',
    since: NOW,
    ours: false,
    owners: [owner],
    keeps,
    stale: false,
    ...wishes,
  };
}

/** A holder for the seconds given, and us at the end of the line behind `before` other waiters. */
function line(heldS: readonly number[], before: number, permits = 1): LineView {
  const holders = heldS.map((seconds) => entry('holding', { since: NOW - seconds * 1_000 }));
  const waiters = Array.from({ length: before }, () => entry('waiting'));
  const kind = permits === 1 ? 'lock' : 'semaphore';
  return {
    name: 'deploy',
    kind,
    permits,
    value: 0,
    revision: 1,
    entries: [...holders, ...waiters, entry('waiting', { ours: true })],
  } as LineView;
}

function words(given: LineView, usualMs: number | null = USUAL, columns = 120): string {
  return waitLine({ name: 'deploy', line: given, now: NOW, usualMs }, columns);
}

describe('the line of a wait', () => {
  test('says who holds and for how long, how many are before, and how long it may take', () => {
    expect(words(line([12], 0))).toBe(
      'lockstep: deploy: waiting; held by pid 42 (./deploy.sh) on web1 for 12s; you are next; about 48s left',
    );
    expect(words(line([12], 2))).toMatch(/; 2 wait before you; about 2m 48s left$/);
    expect(words(line([12], 1))).toMatch(/; 1 waits before you; about 1m 48s left$/);
  });

  test('names what is usual, where a holder already takes longer', () => {
    expect(words(line([90], 0))).toMatch(/ for 1m 30s; you are next; usually held for 1m$/);
  });

  test('has no estimate without a past, and no holder where there is none', () => {
    expect(words(line([12], 0), null)).toMatch(/ for 12s; you are next$/);
    expect(words(line([], 0))).toBe('lockstep: deploy: waiting; you are next; usually held for 1m');
    expect(waitLine({ name: 'deploy', line: null, now: NOW, usualMs: null }, 80)).toBe('lockstep: deploy: waiting');
  });

  test('counts the other holders of a semaphore', () => {
    expect(words(line([12, 20, 30], 0, 3))).toMatch(/pid 42 \(\.\/deploy\.sh\) on web1 for 12s and 2 more; /);
  });

  test.each([
    ['barrier', 5, 0, '2 of 5 have arrived, the first 12s ago'],
    ['event', 1, 0, 'not set; 2 wait for it, since 12s'],
    ['queue', 1, 3, '3 queued, 1 taken; 1 waits before you'],
  ])('at a %s says what is there yet', (kind, permits, value, expected) => {
    const holders = kind === 'queue' ? [entry('holding')] : [];
    const waiters = [entry('waiting', { since: NOW - 12_000 }), entry('waiting', { ours: true })];
    const given = { ...line([], 0), kind, permits, value, entries: [...holders, ...waiters] };
    expect(words(given)).toBe(`lockstep: deploy: waiting; ${expected}`);
    expect(widthOf(words(given, null, 30))).toBeLessThanOrEqual(30);
  });

  test('of a verb that has no entry says who holds, and no place', () => {
    const looksOn = { ...line([12], 0), entries: line([12], 0).entries.slice(0, 1) };
    expect(words(looksOn)).toBe('lockstep: deploy: waiting; held by pid 42 (./deploy.sh) on web1 for 12s');
  });

  test.each([200, 110, 90, 79, 60, 30, 8])('fits into %i columns: the command is cut first', (columns) => {
    const given = line([12], 0);
    const text = words(
      { ...given, entries: given.entries.map((one) => ({ ...one, label: 'make 漢字 '.repeat(20) })) },
      USUAL,
      columns,
    );
    expect(widthOf(text)).toBeLessThanOrEqual(columns);
    if (columns >= 110) expect(text).toMatch(/\(make 漢字.*…\) on web1 for 12s; you are next; about 48s left$/);
    if (columns === 79) expect(text).toMatch(/pid 42 on web1 for 12s; you are next; about…$/);
    if (columns === 90) expect(text).toMatch(/ by pid 42 on web1 for 12s; you are next; about 48s left$/);
  });

  test('shows no character that a terminal would act on', () => {
    const given = line([1], 0);
    const text = words({ ...given, entries: given.entries.map((one) => ({ ...one, label: 'a\x1b[2Jb\r\nc' })) });
    expect(text).toContain('(a\\x1b[2Jb\\x0d\\x0ac)');
  });
});

describe('the estimate', () => {
  const these = (...entries: EntryView[]) => entries;
  const expected = (entries: EntryView[], ask: number, permits: number) =>
    expectedWaitMs(entries, ask, { ...line([], 0), permits }, { now: NOW, usualMs: USUAL });
  const held = (seconds: number, ask = 1) => entry('holding', { since: NOW - seconds * 1_000, ask });

  test('of a semaphore is when enough permits are free', () => {
    expect(expected(these(held(50), held(10)), 1, 2)).toBe(10_000);
    expect(expected(these(held(50), held(10)), 2, 2)).toBe(50_000);
    expect(expected(these(held(50), held(10), entry('waiting')), 1, 2)).toBe(50_000);
    expect(expected(these(held(50)), 1, 2)).toBe(0);
  });

  test('lets shared entries that stand together in together', () => {
    const shared = entry('waiting', { ask: 0 });
    expect(expected(these(held(20), shared, shared, shared), 1, 1)).toBe(40_000 + USUAL);
    expect(expected(these(held(20), shared), 0, 1)).toBe(40_000);
  });

  test('is from the median of the newest holds that ended well, and from three at least', () => {
    const span = (ms: number, end: Span['end'] = 'left') =>
      ({ end, held: true, grantedAt: 0, endedAt: ms, enteredAt: 0 }) as Span;
    const past = (...spans: Span[]) => ({ spans }) as Past;
    expect(medianHold(past(span(1), span(3), span(2)))).toBe(2);
    expect(medianHold(past(span(1), span(3)))).toBeNull();
    expect(medianHold(past(span(1), span(3), span(99, 'evicted'), span(5, 'still holding')))).toBeNull();
    expect(medianHold(past(...Array(50).fill(span(9_000)), ...Array(20).fill(span(5))))).toBe(5);
    expect(medianHold(null)).toBeNull();
  });
});
