import fc from 'fast-check';
import { XMLValidator } from 'fast-xml-parser';
import { expect, test } from 'vitest';
import { drawChart, MOST_DRAWN } from '../../../../cli/commands/timeline/chart.ts';
import { markup } from '../../../../cli/commands/timeline/drawing.ts';
import { pageOf } from '../../../../cli/commands/timeline/page.ts';
import { valuesOver, waitingOver } from '../../../../cli/commands/timeline/queue.ts';
import { rangeOf, rangeWords, scaleOf, ticksOf } from '../../../../cli/commands/timeline/range.ts';
import { rowsOf } from '../../../../cli/commands/timeline/rows.ts';
import { contendedShare, heldShare } from '../../../../cli/commands/timeline/share.ts';
import { isOver, type PastAction, type Span } from '../../../../lib/history/span.ts';
import type { Past } from '../../../../lib/store/past.ts';

const NOW = 2_000;

function span(given: Partial<Span> & { enteredAt: number }): Span {
  const { grantedAt = null, endedAt = null } = given;
  const held = grantedAt !== null;
  return {
    order: given.enteredAt,
    ticket: given.enteredAt * 1000,
    token: held ? given.enteredAt * 1000 : 0,
    session: `s${given.enteredAt}`,
    pid: given.enteredAt,
    host: 'web1',
    label: 'job',
    ask: 1,
    held,
    grantedAt,
    endedAt,
    end: endedAt === null ? (held ? 'still holding' : 'still waiting') : held ? 'left' : 'gave up waiting',
    reason: '',
    by: '',
    stale: null,
    ...given,
  };
}

function pastOf(spans: Span[], given: Partial<Past> = {}): Past {
  const from = Math.min(...spans.map(({ enteredAt }) => enteredAt), NOW);
  return {
    name: 'x',
    kind: 'lock',
    permits: 1,
    value: 0,
    spans,
    actions: [],
    from,
    readAt: NOW,
    damaged: [],
    ...given,
  };
}

function add(at: number, number: number, outcome: number): PastAction {
  return { order: at, at, did: 'add', number, outcome, session: 's', pid: null, host: null };
}

const spans = fc
  .array(
    fc.record({
      enteredAt: fc.integer({ min: 1_000, max: 1_900 }),
      wait: fc.nat(60),
      hold: fc.option(fc.nat(80)),
      isOpen: fc.boolean(),
      process: fc.nat(60),
    }),
    { minLength: 1, maxLength: 120, size: 'max' },
  )
  .map((all) =>
    all.map(({ enteredAt, wait, hold, isOpen, process }, place) => {
      const grantedAt = hold === null ? null : enteredAt + wait;
      const endedAt = isOpen ? null : enteredAt + wait + (hold ?? 0);
      return span({ enteredAt, grantedAt, endedAt, session: `s${process}`, ticket: place });
    }),
  );

test('every span is in one row, and no two in a row are there at the same time', () => {
  fc.assert(
    fc.property(spans, (all) => {
      const rows = rowsOf(pastOf(all), all, 1_000);
      const drawn = rows.flatMap((row) => row.spans.map(({ ticket }) => ticket));
      expect(drawn.sort((a, b) => a - b)).toEqual(all.map(({ ticket }) => ticket));
      for (const row of rows) {
        const inOrder = row.spans.toSorted((one, other) => one.enteredAt - other.enteredAt);
        for (const [place, one] of inOrder.entries()) {
          const next = inOrder[place + 1];
          if (next) expect(one.endedAt ?? NOW).toBeLessThanOrEqual(next.enteredAt);
        }
        if (row.processes === 1) expect(new Set(row.spans.map(({ session }) => session)).size).toBe(1);
      }
    }),
  );
});

test('a few processes have a row each, and many share rows', () => {
  const few = Array.from({ length: 24 }, (_, n) =>
    span({ enteredAt: 1_000 + n * 30, grantedAt: 1_000 + n * 30, endedAt: 1_010 + n * 30 }),
  );
  expect(rowsOf(pastOf(few), few, 1_000)).toHaveLength(24);
  const many = [...few, span({ enteredAt: 1_900, grantedAt: 1_900, endedAt: 1_910 })];
  expect(rowsOf(pastOf(many), many, 1_000)).toMatchObject([{ processes: 25 }]);
});

test('so many wait at a moment as have entered, and neither hold nor left', () => {
  fc.assert(
    fc.property(spans, fc.integer({ min: 1_001, max: 1_999 }), (all, moment) => {
      const steps = waitingOver(pastOf(all), { from: 1_000, to: NOW, isOpen: true });
      const shown = steps.findLast(([at]) => at <= moment)?.[1];
      const naive = all.filter((one) => {
        const end = one.grantedAt ?? (isOver(one) ? one.endedAt : null) ?? Number.POSITIVE_INFINITY;
        return one.enteredAt <= moment && moment < end;
      });
      expect(shown).toBe(naive.length);
    }),
  );
});

test('whom clocks let hold before they entered never waited', () => {
  const past = pastOf([span({ enteredAt: 1_500, grantedAt: 1_400, endedAt: 1_600 })]);
  expect(waitingOver(past, { from: 1_000, to: NOW, isOpen: true })).toEqual([
    [1_000, 0],
    [NOW, 0],
  ]);
});

test('the parts of the time are those in which at least one held, or waited', () => {
  fc.assert(
    fc.property(spans, (all) => {
      const past = pastOf(all);
      const range = { from: 1_200, to: 1_700, isOpen: false };
      const moments = Array.from({ length: 500 }, (_, n) => 1_200.5 + n);
      const part = (is: (one: Span, at: number) => boolean) =>
        moments.filter((at) => all.some((one) => is(one, at))).length / moments.length;
      const held = part((one, at) => one.grantedAt !== null && one.grantedAt < at && at < (one.endedAt ?? NOW));
      const waited = part((one, at) => one.enteredAt < at && at < (one.grantedAt ?? one.endedAt ?? NOW));
      expect(heldShare(past, range)).toBeCloseTo(held, 9);
      expect(contendedShare(past, range)).toBeCloseTo(waited, 9);
    }),
  );
});

test('the values of a counter begin with the one before the first change', () => {
  const past = pastOf([], { kind: 'counter', value: 4, actions: [add(1_100, 3, 8), add(1_200, -4, 4)] });
  expect(valuesOver(past, { from: 1_000, to: 1_300, isOpen: false })).toEqual([
    [1_000, 5],
    [1_100, 8],
    [1_200, 4],
    [1_300, 4],
  ]);
  expect(valuesOver(pastOf([], { kind: 'counter', value: 7 }), { from: 0, to: 1, isOpen: false })).toEqual([
    [0, 7],
    [1, 7],
  ]);
});

test('the range is all that happened; up to now if something goes on; and what --since says', () => {
  const over = pastOf([span({ enteredAt: 1_000, grantedAt: 1_100, endedAt: 1_500 })]);
  const open = pastOf([span({ enteredAt: 1_000, grantedAt: 1_100 })]);
  expect(rangeOf([over], null)).toEqual({ from: 1_000 - 7.5, to: 1_500 + 7.5, isOpen: false });
  expect(rangeOf([over, open], null)).toEqual({ from: 1_000 - 15, to: NOW, isOpen: true });
  expect(rangeOf([over], 400)).toBeNull();
  expect(rangeOf([over], 600)).toMatchObject({ from: 1_400 - 9, to: NOW + 9 });
  expect(rangeOf([pastOf([])], null)).toBeNull();
  // A holder from before the known past may have held for days. The picture shows the known part.
  const old = pastOf([span({ enteredAt: 5, held: true, endedAt: 1_500, end: 'left' })], { from: 1_400 });
  expect(rangeOf([old], null)?.from).toBeGreaterThan(1_390);
  const instant = rangeOf([pastOf([span({ enteredAt: 1_000, grantedAt: 1_000, endedAt: 1_000 })])], null);
  expect((instant?.to ?? 0) - (instant?.from ?? 0)).toBe(20);
});

const SPANS_OF_TIME = [20, 700, 5_000, 61_000, 3.6e6, 8.64e7, 6 * 8.64e7, 40 * 8.64e7, 400 * 8.64e7];

test.each(SPANS_OF_TIME)('the axis of %d ms has some ticks, all different, and in it', (length) => {
  const from = Date.UTC(2026, 2, 27, 23, 59, 50, 123);
  const range = { from, to: from + length, isOpen: false };
  const ticks = ticksOf(scaleOf(range, 100, 900), 6);
  expect(ticks.length).toBeGreaterThanOrEqual(2);
  expect(ticks.length).toBeLessThanOrEqual(13);
  expect(new Set(ticks.map(({ text }) => text)).size).toBe(ticks.length);
  for (const { x } of ticks) expect(x >= 100 && x <= 900).toBe(true);
  expect(rangeWords(range)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d to .*\d\d:\d\d:\d\d \(UTC[+-]\d{4}\)$/);
});

test('of more entries than can be distinguished the newest are drawn, and it is said how many are not', () => {
  const all = Array.from({ length: MOST_DRAWN + 30 }, (_, n) =>
    span({ enteredAt: 1_000 + n / 10, grantedAt: 1_000 + n / 10, endedAt: 1_000.05 + n / 10, label: `visit ${n}.` }),
  );
  const past = pastOf(all);
  const svg = markup(drawChart([past], { from: 990, to: 1_300, isOpen: false }, '/store'));
  expect(XMLValidator.validate(svg)).toBe(true);
  expect(svg.match(/<title>/g)).toHaveLength(MOST_DRAWN);
  // Each takes a hundredth of a pixel's time, and is seen all the same.
  const widths = [...svg.matchAll(/<rect class="hold" [^>]*width="([\d.]+)" height="11"/g)].map(([, width]) =>
    Number(width),
  );
  expect(widths.length).toBe(MOST_DRAWN);
  expect(Math.min(...widths)).toBeGreaterThan(1);
  expect(svg).toContain('30 older entries left out');
  expect(svg).not.toContain('visit 29.');
  expect(svg).toContain('visit 30.');
});

test('no number in a picture or a page is NaN, whatever the clocks said', () => {
  const odd = [
    span({ enteredAt: 1_500, grantedAt: 1_400, endedAt: 1_300 }),
    span({ enteredAt: 0, grantedAt: 1_400, endedAt: null, end: 'left' }),
    span({ enteredAt: 9e12, held: true, grantedAt: null, endedAt: 1_400, end: 'left' }),
    span({ enteredAt: 1_600, held: true, grantedAt: null, endedAt: null, end: 'unknown' }),
    span({ enteredAt: 1_700, ask: 0, grantedAt: 9e12, stale: 'its process is gone' }),
    span({ enteredAt: 1_800, end: 'evicted', reason: 'over', by: 'unknown', endedAt: 1_000 }),
  ];
  const actions: PastAction[] = (['set', 'clear', 'notify', 'abort', 'reset', 'sweep'] as const).map((did, place) => ({
    ...add(place % 2 ? 1_500 : 1_600, 2, 1),
    did,
    at: place === 0 ? null : 1_500 + place,
  }));
  for (const kind of ['lock', 'semaphore', 'event', 'condition', 'barrier', 'counter']) {
    const past = pastOf(odd, { kind, actions: kind === 'lock' ? [] : actions });
    for (const sinceMs of [null, 300]) {
      const range = rangeOf([past], sinceMs);
      if (!range) throw new Error('no range');
      const page = pageOf({ pasts: [past], range, store: '/store' });
      expect(XMLValidator.validate(page.replace('<!doctype html>', ''))).toBe(true);
      expect(page).not.toMatch(/NaN|Infinity|undefined|Invalid|(width|height)="-/);
    }
  }
});
