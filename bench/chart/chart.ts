import { type Drawn, el, markup, text } from '../../cli/commands/timeline/drawing.ts';
import { machineText } from '../machine.ts';
import type { Results } from '../results.ts';
import type { Row } from '../section.ts';
import { type Dot, dots } from './dots.ts';
import { lines, type Series } from './lines.ts';
import { type Place, panel } from './panel.ts';
import { STYLE } from './style.ts';

const WIDTH = 940;
const HEIGHT = 520;
const TITLE = 'Lockstep beside its peers';

/** How the names of rows of `uncontended` and of `startup` begin, and their labels. */
const UNCONTENDED: Record<string, string> = {
  'raw: append, read, append, read': 'the same writes and reads',
  'Python filelock acquire, release': 'Python filelock',
  'lockstep acquire, release': 'Lockstep',
  'fs-native-extensions waitForLock, unlock': 'kernel’s lock from Node',
  'lockfile lock, unlock': 'lockfile',
  'proper-lockfile lock, unlock': 'proper-lockfile',
};
const STARTUP: Record<string, string> = {
  flock: 'flock',
  'node bare.js': 'bare Node',
  'lockstep run x -- true': 'Lockstep',
  sem: 'GNU sem',
};
/** Rows of `handoff`. */
const HANDOFF: Record<string, Omit<Series, 'rows'>> = {
  lockstep: { label: 'Lockstep', kind: 'ours' },
  'kernel’s lock from Node': { label: 'kernel’s lock, Node', kind: 'kernel' },
  'flock from Python': { label: 'flock, Python', kind: 'other' },
};

/** The chart of the README. */
export function chartOf(results: Results): string {
  const { machine, measuredOn } = results;
  const facts = `${machineText(machine)}; ${measuredOn}, npm run bench`;
  return markup(
    el(
      'svg',
      {
        xmlns: 'http://www.w3.org/2000/svg',
        class: 'chart',
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        width: WIDTH,
        height: HEIGHT,
        role: 'img',
        'aria-label': `${TITLE}: ${facts}`,
      },
      el('style', {}, STYLE),
      el('rect', { class: 'paper', width: '100%', height: '100%' }),
      text('title', 20, 34, TITLE),
      text('muted small', 20, 54, facts),
      ...panels(results),
    ),
  );
}

function panels(results: Results): Drawn[] {
  const uncontended = dotsOf(rowsOf(results, 'uncontended'), UNCONTENDED);
  const startup = dotsOf(rowsOf(results, 'startup'), STARTUP);
  const left = { x: 20, width: 430 };
  return [
    panel({ ...left, y: 80, height: 240 }, 'Acquire and release, uncontended', 'median, logarithmic', (below) =>
      dots(below, uncontended, true),
    ),
    panel(
      { ...left, y: 336, height: 176 },
      'Run a command under a lock, as a shell sees it',
      'the command is true; median',
      (below) => dots(below, startup, false),
    ),
    panel(
      contended(),
      'One turn while all of them compete',
      'acquire, count, release; median. Passed on: after another’s turn',
      (below) => lines(below, seriesOf(rowsOf(results, 'handoff'))),
    ),
  ];
}

function contended(): Place {
  return { x: 490, y: 80, width: WIDTH - 490 - 16, height: 432 };
}

function rowsOf({ sections }: Results, name: string): readonly Row[] {
  return sections.find((section) => section.name === name)?.rows ?? [];
}

/** Only those that were measured, in the order of `labels`. */
function dotsOf(rows: readonly Row[], labels: Record<string, string>): Dot[] {
  return Object.entries(labels).flatMap(([name, label]) => {
    const row = rows.find((one) => one.name.startsWith(name));
    return row ? [{ label, row, isOurs: label === 'Lockstep' }] : [];
  });
}

function seriesOf(rows: readonly Row[]): Series[] {
  return Object.entries(HANDOFF)
    .map(([name, one]) => ({ ...one, rows: rows.filter((row) => row.name === name) }))
    .filter((one) => one.rows.length > 0);
}
