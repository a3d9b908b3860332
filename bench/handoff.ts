import fs from 'node:fs';
import path from 'node:path';
import { type Crowd, compete, nodeCrowd, pythonCrowd, type Turns } from './crowd.ts';
import { effort, isSmoke } from './effort.ts';
import { median } from './median.ts';
import { NATIVE_ABSENT, nativeLock } from './peers/native-lock.ts';
import { pythonWith } from './peers/python.ts';
import { atMost, type Figure, type Row, rowOf, type Section, type Unit } from './section.ts';

const PROCESSES = isSmoke ? [2] : [2, 8, 32, 64];
/** Those that are slow, or of one family, or shown for one thing only, compete in this number alone. */
const USUAL = isSmoke ? 2 : 8;
/** Each process compiles its own code, on two cores for as long as a minute: so it has this many turns first, at a lock of a pair. */
const WARM_UP = { turns: effort(10_000, 10), ms: effort(20_000, 1_000) };
/** And so long all of them compete unmeasured. */
const UNMEASURED_MS = effort(2_000, 50);
const WINDOWS = effort(5, 1);
const WINDOW_MS = effort(700, 50);
const OURS = 'lockstep';
const BASE = 'kernel’s lock from Node';
const TRIED = 'the same, tried before it waits';

/** How to start a crowd with one kind of lock. */
interface Kind {
  name: string;
  only?: number;
  start(processes: number, directory: string): Promise<Crowd>;
}

/** Many processes compete for one lock, and count in a plain file. Throws unless the count is exact. */
export async function handoff(directory: string): Promise<Section> {
  const { kinds, absent } = await present();
  const rows: Row[] = [];
  for (const processes of PROCESSES) {
    const here = kinds.filter(({ only = processes }) => only === processes);
    rows.push(...(await compare(here, processes, path.join(directory, String(processes)))));
  }
  const of = (name: string, processes: number) =>
    rows.find((row) => row.name === name && row.group === words(processes));
  return {
    name: 'handoff',
    title: `processes pass one lock on as often as they can (${WINDOWS} windows of ${WINDOW_MS} ms each, in turn)`,
    base: 'the kernel’s',
    rows,
    absent,
    notes: NOTES,
    targets: [
      ...PROCESSES.map((processes) =>
        atMost(`lockstep, ${words(processes)}, to the kernel’s lock from Node`, 3, of(OURS, processes)?.ratio),
      ),
      atMost('lockstep, 32 processes to 8', 1.5, (of(OURS, 32)?.median ?? Number.NaN) / (of(OURS, 8)?.median ?? 1)),
    ],
  };
}

const NOTES = [
  'A turn is acquire, read and write a number, release. p99 is of the wait of one acquire.',
  'Handed over: the share of turns before which another process had the lock. An unfair lock goes to the same process again.',
  'Every count was exact: the number in the file is the sum of all turns.',
  `Node’s processes had up to ${WARM_UP.turns} turns each in pairs before, so that their code is compiled. Cold: the first window, before that.`,
];

async function present(): Promise<{ kinds: Kind[]; absent: string[] }> {
  const kinds: Kind[] = [{ name: OURS, start: (processes, place) => nodeCrowd('lockstep', processes, place) }];
  const absent: string[] = [];
  if (await nativeLock()) {
    kinds.push(
      { name: BASE, start: (processes, place) => nodeCrowd('kernel, waiting', processes, place) },
      { name: TRIED, only: USUAL, start: (processes, place) => nodeCrowd('kernel, trying', processes, place) },
    );
  } else absent.push(NATIVE_ABSENT);
  const python = pythonWith('fcntl');
  if (python) {
    kinds.push(
      { name: 'flock from Python', start: (processes, place) => pythonCrowd(python, 'flock', processes, place) },
      {
        name: 'multiprocessing.Lock',
        only: USUAL,
        start: (processes, place) => pythonCrowd(python, 'multiprocessing', processes, place),
      },
    );
  } else absent.push('flock and multiprocessing.Lock from Python (apt-get install python3)');
  kinds.push({
    name: 'proper-lockfile',
    only: USUAL,
    start: (processes, place) => nodeCrowd('proper-lockfile', processes, place),
  });
  return { kinds, absent };
}

/** All crowds stand ready at once and compete in turn, so that a temporary load on the machine slows all of them. */
async function compare(kinds: readonly Kind[], processes: number, directory: string): Promise<Row[]> {
  const crowds: Array<{ name: string; crowd: Crowd; cold: Turns[]; windows: Turns[][] }> = [];
  try {
    for (const { name, start } of kinds) {
      const place = path.join(directory, name);
      fs.mkdirSync(place, { recursive: true, mode: 0o700 });
      crowds.push({ name, crowd: await start(processes, place), cold: [], windows: [] });
    }
    for (const one of crowds) one.cold = await compete(one.crowd, WINDOW_MS);
    for (const { crowd } of crowds) {
      await crowd.warmUp?.(WARM_UP);
      await compete(crowd, UNMEASURED_MS);
    }
    for (let window = 0; window < WINDOWS; window++)
      for (const { crowd, windows } of crowds) windows.push(await compete(crowd, WINDOW_MS));
  } finally {
    for (const { crowd } of crowds) await crowd.end();
  }
  // A window in which nobody had a turn has no time of a turn.
  for (const one of crowds) one.windows = one.windows.filter((window) => sumOf(window, 'own') > 0);
  const base = crowds.find(({ name }) => name === BASE)?.windows.map(msOfTurn);
  return crowds
    .filter(({ windows }) => windows.length > 0)
    .map(({ name, cold, windows }) => rowOfWindows(name, words(processes), { cold, windows }, base));
}

interface Measured {
  cold: readonly Turns[];
  windows: readonly Turns[][];
}

function rowOfWindows(name: string, group: string, { cold, windows }: Measured, base: readonly number[] = []): Row {
  const processes = windows[0]?.map((_, at) => windows.reduce((sum, window) => sum + (window[at]?.own ?? 0), 0)) ?? [];
  const changes = windows.map((window) => sumOf(window, 'changes') / sumOf(window, 'own'));
  const more = {
    'handed over': figure(median(changes), 'share'),
    'fewest turns': figure(Math.min(...processes), 'count'),
    'most turns': figure(Math.max(...processes), 'count'),
    ...(sumOf(cold, 'own') > 0 && { cold: figure(msOfTurn(cold), 'ms') }),
  };
  const single = windows.flatMap((window) => window.flatMap(({ waits }) => waits));
  return rowOf(name, windows.map(msOfTurn), { group, base, single, more });
}

function msOfTurn(window: readonly Turns[]): number {
  return WINDOW_MS / sumOf(window, 'own');
}

function sumOf(window: readonly Turns[], what: 'own' | 'changes'): number {
  return window.reduce((sum, turns) => sum + turns[what], 0);
}

function figure(value: number, unit: Unit): Figure {
  return { value, unit };
}

function words(processes: number): string {
  return `${processes} processes`;
}
