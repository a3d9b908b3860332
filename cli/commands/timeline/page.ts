import type { Past } from '../../../lib/history/index.ts';
import { lastOf } from '../../../lib/internal.ts';
import { kindOf } from '../../report/line-words.ts';
import { figuresOf } from '../../report/statistics.ts';
import { shown } from '../../text/escape.ts';
import { length } from '../../text/quantities.ts';
import { drawParts, type Subject } from './chart.ts';
import { type Drawn, el, markup } from './drawing.ts';
import { type Layout, NARROW, WIDE } from './layout.ts';
import type { Range } from './range.ts';
import { contendedShare, heldShare } from './share.ts';

const STYLE = [
  'body{margin:0;font:14px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}',
  'main{max-width:1500px;margin:0 auto;padding:12px}svg.chart{display:block;width:100%}',
  '.sticky{position:sticky;top:0}.narrow{display:none}',
  '@media (max-width:700px){.narrow{display:block}.wide{display:none}main{padding:0}}',
  '.figures{overflow-x:auto;padding:6px 18px 24px}table{border-collapse:collapse;font-variant-numeric:tabular-nums}',
  'caption{text-align:left;font-size:16px;font-weight:600;padding:8px 0}',
  'th,td{padding:6px 0 6px 22px;border-bottom:1px solid;text-align:right}td{white-space:nowrap}',
  'th{font-weight:400;font-size:12.5px;vertical-align:bottom;max-width:8em}',
  '@media (max-width:1000px){th,td{padding-left:12px}}',
  'th[scope=row],th.name{text-align:left;padding-left:0;min-width:9em;max-width:24em}th[scope=row]{font-weight:600;font-size:14px;color:inherit;overflow-wrap:break-word}',
].join('');

const HEADINGS = [
  'Kind',
  'Acquired',
  'Waited (median)',
  'Waited (most)',
  'Held (median)',
  'Held (most)',
  'Gave up',
  'Evicted',
  'Time held',
  'Time contended',
];

/** Builds a self-contained page: the picture, for a screen and for a phone, and below it the figures of each resource. */
export function pageOf(subject: Subject): string {
  const { pasts, range, store } = subject;
  const lined = pasts.filter(({ kind }) => kind !== 'counter');
  const page = el(
    'html',
    { lang: 'en' },
    el(
      'head',
      {},
      el('meta', { charset: 'utf-8' }),
      el('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      el('meta', { name: 'color-scheme', content: 'light dark' }),
      el('title', {}, `Holders and waiters over time: ${shown(store)}`),
      el('style', {}, STYLE),
    ),
    el(
      'body',
      {},
      el(
        'main',
        {},
        pictureIn('wide', subject, WIDE),
        pictureIn('narrow', subject, NARROW),
        lined.length === 0 ? null : figuresTable(lined, range),
      ),
    ),
  );
  return `<!doctype html>\n${markup(page)}\n`;
}

/** The times stay in sight while the reader scrolls through many resources. */
function pictureIn(className: string, subject: Subject, layout: Layout): Drawn {
  const { head, axis, body } = drawParts(subject, layout);
  return el('section', { class: className }, head, el('section', { class: 'sticky' }, axis), body);
}

function figuresTable(pasts: readonly Past[], range: Range): Drawn {
  return el(
    'div',
    { class: 'figures' },
    el(
      'table',
      {},
      el('caption', {}, 'Figures'),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          el('th', { scope: 'col', class: 'name' }, 'Resource'),
          HEADINGS.map((words) => el('th', { scope: 'col' }, words)),
        ),
      ),
      el(
        'tbody',
        {},
        pasts.map((past) => row(past, range)),
      ),
    ),
  );
}

function row(past: Past, range: Range): Drawn {
  const { readAt } = past;
  const figures = figuresOf(
    past.spans.filter((span) => lastOf(span, readAt) >= range.from),
    readAt,
  );
  const cells = [
    kindOf(past),
    String(figures.acquisitions),
    length(figures.medianWait),
    length(figures.maxWait),
    length(figures.medianHold),
    length(figures.maxHold),
    String(figures.gaveUp),
    String(figures.evicted),
    percent(heldShare(past, range)),
    percent(contendedShare(past, range)),
  ];
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, shown(past.name)),
    cells.map((text) => el('td', {}, text)),
  );
}

/** Only exact values are shown as 0 % and 100 %. */
function percent(part: number): string {
  const rounded = Math.round(part * 100);
  if (rounded === 0 && part > 0) return '< 1 %';
  return rounded === 100 && part < 1 ? '> 99 %' : `${rounded} %`;
}
