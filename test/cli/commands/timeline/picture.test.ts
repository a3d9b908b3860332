import { XMLValidator } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { drawChart, drawParts, type Subject } from '../../../../cli/commands/timeline/chart.ts';
import { markup } from '../../../../cli/commands/timeline/drawing.ts';
import { NARROW, WIDE } from '../../../../cli/commands/timeline/layout.ts';
import { pageOf } from '../../../../cli/commands/timeline/page.ts';
import { scaleOf, ticksOf } from '../../../../cli/commands/timeline/range.ts';
import { resultsOf } from '../../../../cli/commands/timeline/results.ts';
import type { Outcome, Run } from '../../../../lib/jobs/run.ts';
import type { RunLog } from '../../../../lib/jobs/run-log.ts';
import type { Past, PastAction, Span } from '../../../../lib/store/past.ts';
import { runAt } from '../../../support/recorded-run.ts';

const FROM = Date.UTC(2026, 10, 26, 2);
const RANGE = { from: FROM, to: FROM + 60_000, isOpen: false };
const STORE = '/var/lib/shop';

/** Held from one second to another; entered before, if it waited. */
function span(enteredS: number, heldS: number | null, endS: number, given: Partial<Span> = {}): Span {
  const at = (seconds: number) => FROM + seconds * 1_000;
  const place = { order: enteredS, ticket: enteredS, token: 1, session: `s${enteredS}.${endS}`, pid: 100 + enteredS };
  const held = heldS !== null;
  return {
    ...{ ...place, host: 'web1', label: './run.sh', ask: 1, enteredAt: at(enteredS), held },
    ...{ grantedAt: held ? at(heldS) : null, endedAt: at(endS), end: held ? 'left' : 'gave up waiting' },
    ...{ reason: '', by: '', stale: null },
    ...given,
  } as Span;
}

function past(name: string, spans: Span[], given: Partial<Past> = {}): Past {
  const base = { kind: 'lock', permits: 1, value: 0, actions: [], from: FROM, readAt: RANGE.to, damaged: [] };
  return { name, spans, ...base, ...given };
}

function action(did: PastAction['did'], seconds: number): PastAction {
  return {
    order: seconds,
    at: FROM + seconds * 1_000,
    did,
    number: null,
    outcome: 0,
    session: 's',
    pid: null,
    host: null,
  };
}

function namesIn(svg: string): string[] {
  return [...svg.matchAll(/<text class="name"[^>]*>([^<]*)</g)].map(([, name = '']) => name);
}

function svgOf(pasts: Past[], more: Partial<Subject> = {}): string {
  const svg = markup(drawChart(pasts, RANGE, STORE, more));
  expect(XMLValidator.validate(svg)).toBe(true);
  return svg;
}

const CALM = past('calm', [span(1, 1, 5), span(10, 10, 12)]);
const BUSY = past('busy', [span(0, 0, 30), span(1, 30, 40)]);
const LESS = past('less', [span(0, 0, 10), span(9, 10, 20)]);
const TWICE = past('twice', [span(0, 0, 10), span(5, 5, 20)], { kind: 'semaphore', permits: 2 });

describe('the order of resources', () => {
  test('is by how much they were contended; then comes what nobody waited for, in a row each', () => {
    const svg = svgOf([CALM, LESS, TWICE, BUSY]);
    expect(namesIn(svg)).toEqual(['busy', 'less', 'twice', 'calm']);
    // The figures of a group are not there for one that is folded; its bars are.
    expect(svg.match(/2 acquisitions/g)).toHaveLength(3);
    expect(svg).toMatch(/>calm<.*<rect class="hold".*<rect class="hold"/s);
  });

  test('is the user’s, and nothing is folded, where they were named', () => {
    const svg = svgOf([CALM, LESS, BUSY], { isChosen: true });
    expect(namesIn(svg)).toEqual(['calm', 'less', 'busy']);
    expect(svg.match(/2 acquisitions/g)).toHaveLength(3);
  });

  test('names what was not used in this time', () => {
    const old = past('old', [span(-90, -90, -80)]);
    expect(svgOf([BUSY, old, past('new', [])])).toContain('>Not used in this time: old, new</text>');
    const many = Array.from({ length: 400 }, (_, n) => past(`unused-${n}`, []));
    expect(svgOf([BUSY, ...many]).match(/unused-\d+/g)?.length).toBeLessThan(50);
  });
});

describe('a run of a job', () => {
  const outcomes: Outcome[] = ['succeeded', 'failed', 'timed-out', 'replaced', 'cancelled'];
  const facts = { pid: 105, tid: 105, start: 1, boot: 'b', namespace: 1, host: 'web1' };
  /** The newest first, as of a log. */
  const runs = outcomes
    .map((outcome, at): Run => runAt(FROM + at * 10_000, { job: 'backup', facts, outcome, tookMs: 5_000 }))
    .reverse();
  const log = {
    *each() {
      yield* runs;
    },
    observe: (run: Run) => ({ run, state: 'lost' }),
  } as unknown as RunLog;
  const spans = outcomes.map((_, at) => span(at * 10, at * 10, at * 10 + 5, { pid: 105 }));
  const backup = past('backup', spans);

  test('is found by its process and its time', () => {
    const results = resultsOf(backup, log);
    expect(spans.map((one) => results.get(one))).toEqual(outcomes);
    expect(resultsOf(past('backup', [span(0, 0, 5, { pid: 7 }), span(7, 7, 8, { pid: 105 })]), log).size).toBe(0);
  });

  test('has its result’s colour, a mark if it failed, and the legend names them', () => {
    const results = new Map([[backup, resultsOf(backup, log)]]);
    const svg = svgOf([backup], { results });
    const bars = [...svg.matchAll(/<\/title><rect class="(\w+)"/g)].map(([, name]) => name);
    expect(bars).toEqual(['ok', 'failed', 'failed', 'ended', 'ended']);
    expect(svg.match(/<rect class="failed"[^>]*\/?>(<\/rect>)?<path class="failed"/g)?.length).toBe(3);
    for (const words of [
      'run that succeeded',
      'run that failed or timed out',
      'run that a signal or a newer one ended',
    ])
      expect(svg).toContain(`>${words}</text>`);
    expect(svg).not.toContain('>held</text>');
    expect(svg).toContain('the run succeeded</title>');
  });

  test('of which the end is unknown is lost', () => {
    const run = { ...runAt(FROM, { job: 'backup', facts, outcome: null }), acquiredAt: FROM };
    const lost = {
      *each() {
        yield run;
      },
      observe: () => ({ run, state: 'lost' }),
    } as unknown as RunLog;
    expect([...resultsOf(past('backup', [span(0, 0, 5, { pid: 105 })]), lost).values()]).toEqual(['lost']);
  });
});

test('the legend explains every form that is there, and none that is not', () => {
  const legendOf = (...pasts: Past[]) =>
    [
      ...markup(drawParts({ pasts, range: RANGE, store: STORE }, WIDE).head).matchAll(/class="small"[^>]*>([^<]*)</g),
    ].map(([, words]) => words);
  const did = (['set', 'clear', 'notify', 'abort', 'reset', 'sweep'] as const).map((what, at) => action(what, at + 1));
  expect(legendOf(past('e', [], { kind: 'event', actions: did }))).toEqual([
    'an event was set',
    'set',
    'clear',
    'notify',
    'abort',
    'reset',
    'sweep',
  ]);
  expect(legendOf(past('c', [], { kind: 'counter', actions: [action('add', 3)] }))).toEqual(['value of a counter']);
  expect(legendOf(CALM)).toEqual(['waited', 'held']);
  expect(legendOf(BUSY)).toEqual(['waited', 'held', 'number of waiters']);
});

describe('labels', () => {
  const DAY = 86_400_000;
  test.each([20, 700, 5_000, 61_000, 3.6e6, DAY, 6 * DAY, 40 * DAY, 400 * DAY])(
    'on the axis of %d ms do not touch',
    (length) => {
      for (const layout of [WIDE, NARROW]) {
        const scale = scaleOf({ from: FROM, to: FROM + length, isOpen: false }, layout.left, layout.right);
        const shown = ticksOf(scale, layout.ticks, layout.width - layout.right - 2).filter(({ text }) => text !== '');
        expect(shown.length).toBeGreaterThanOrEqual(1);
        // In the widest of the usual fonts a digit takes 6.4 pixels at this size.
        const ends = shown.map(({ x, text }) => [x - text.length * 3.2, x + text.length * 3.2] as const);
        for (const [at, [, end]] of ends.entries()) expect(end).toBeLessThan(ends[at + 1]?.[0] ?? layout.width);
      }
    },
  );

  test.each([WIDE, NARROW])(
    'of a long name and its figures stand beside or below each other, within the picture',
    (layout) => {
      const long = past('漢字'.repeat(40), [span(0, 0, 30), span(1, 30, 40)], { kind: 'semaphore', permits: 2 });
      const svg = markup(drawParts({ pasts: [long], range: RANGE, store: `/${'x/'.repeat(200)}` }, layout).body);
      const [, name = ''] = /<text class="name"[^>]*>([^<]*)</.exec(svg) ?? [];
      const [, figures = ''] = /<text class="muted small(?: right)?"[^>]*>(2 acquis[^<]*)</.exec(svg) ?? [];
      const nameWidth = name.length * 2 * 8.6;
      const figuresWidth = figures.length * 6.4;
      const together = layout.isNarrow ? Math.max(nameWidth, figuresWidth) : nameWidth + figuresWidth;
      expect(together).toBeLessThanOrEqual(layout.right - layout.margin);
      expect(figures).toMatch(/^2 acquisitions/);
    },
  );

  test('of the legend wrap where the picture ends', () => {
    const svg = markup(
      drawParts(
        { pasts: [BUSY, past('e', [], { kind: 'event', actions: [action('set', 1)] })], range: RANGE, store: STORE },
        NARROW,
      ).head,
    );
    const places = [...svg.matchAll(/<text class="small" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</g)];
    expect(new Set(places.map(([, , y]) => y)).size).toBeGreaterThan(1);
    for (const [, x, , words = ''] of places) expect(Number(x) + words.length * 6.4).toBeLessThan(NARROW.width);
  });
});

describe('the axis', () => {
  const clock = [new Date(FROM).getHours(), new Date(FROM).getMinutes()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
  const many = Array.from({ length: 60 }, (_, n) => past(`lock-${n}`, [span(0, 0, 30), span(1, 30, 40)]));

  test('of a picture is there again after each screen’s height', () => {
    const ys = [
      ...svgOf(many).matchAll(new RegExp(`<text class="muted small middle" x="[\\d.]+" y="([\\d.]+)">${clock}`, 'g')),
    ].map(([, y]) => Number(y));
    const rows = [...new Set(ys)];
    expect(rows.length).toBeGreaterThan(5);
    for (const [at, y] of rows.entries()) expect((rows[at + 1] ?? y) - y).toBeLessThan(600);
  });

  test('of a page stays in sight, is drawn once for each width, and a phone gets the narrow picture', () => {
    const page = pageOf({ pasts: many, range: RANGE, store: STORE });
    expect(page).toMatch(/\.sticky\{position:sticky;top:0\}/);
    expect(page).toMatch(/@media \(max-width:700px\)\{\.narrow\{display:block\}\.wide\{display:none\}/);
    for (const [name, layout] of [
      ['wide', WIDE],
      ['narrow', NARROW],
    ] as const) {
      const [, section = ''] =
        new RegExp(`<section class="${name}">(.*?</svg>.*?</svg>.*?</svg>)`, 's').exec(page) ?? [];
      const [head = '', axis = '', body = ''] = section.split('</svg>');
      expect(axis).toContain('<section class="sticky">');
      expect(axis).toContain(`>${clock}`);
      for (const part of [head, body]) expect(part).not.toMatch(new RegExp(`class="muted small middle"[^>]*>${clock}`));
      expect(head).toContain(`<pattern id="${layout.hatch}"`);
      expect(body).toContain(`fill="url(#${layout.hatch})"`);
      for (const [, width] of section.matchAll(/viewBox="0 0 (\d+) /g)) expect(Number(width)).toBe(layout.width);
    }
  });
});
