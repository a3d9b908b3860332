import prettyMs from 'pretty-ms';
import type { EntryView, LineView } from '../../../lib/index.ts';
import type { LineReading, StoreReading } from '../../../lib/internal.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { Blockers, keyOf, ownerOf } from '../../report/blockers.ts';
import { idleStateOf, kindOf, stateOf } from '../../report/line-words.ts';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { cut, cutInside, filled, widthOf } from '../../text/truncate.ts';
import type { Tone } from './tone.ts';
import { jobRows, type TopJob } from './top-jobs.ts';

/** The content to show. */
export interface TopView extends StoreReading {
  place: string;
  /** Whether the user named the resources: then free ones are shown too. */
  isChosen: boolean;
  /** The entries that are part of a deadlock, by `keyOf`. */
  deadlocked: ReadonlySet<string>;
  jobs: readonly TopJob[];
}

/** The screen to show it on. */
export interface Scene {
  /** Wall clock in ms, for ages. */
  now: number;
  /** The time in the head line, as text. */
  clock: string;
  columns: number;
  rows: number;
  /** The first visible row of the body. */
  offset: number;
  /** The keys for the last line, a question or an answer; null if there is no keyboard. */
  keys: string | null;
  /** Whether `keys` is a question. */
  isAsking?: boolean;
  /** The entry that the keys act on, by `keyOf`; it is scrolled into sight if `isFollowed`. */
  selected?: string | null;
  isFollowed?: boolean;
  /** Shown in the place of the store. */
  help?: readonly string[] | null;
}

export interface FrameLine {
  text: string;
  tone: Tone;
}

export interface Frame {
  lines: FrameLine[];
  /** The offset, limited to the last row. */
  offset: number;
  /** The number of rows of the body that fit. */
  page: number;
  /** The names on the frame. */
  names: ReadonlySet<string>;
  /** All entries, from the top, also those that are out of sight. */
  entries: readonly Chosen[];
}

/** An entry that the keys can act on. */
export interface Chosen {
  key: string;
  name: string;
  entry: EntryView;
}

/** A row of the body, before it is rendered. */
type Row =
  | { reading: LineReading; entry?: undefined; text?: undefined }
  | { reading: LineReading; line: LineView; entry: EntryView; text?: undefined }
  | { text: string; tone?: Tone; reading?: undefined; entry?: undefined };

const HEADINGS = ['  STATE', 'PID', 'AGE', 'WAITS FOR', 'COMMAND'];
const GAP = 2;
/** The least widths of columns, so that they do not move while numbers change. */
const LEAST = [9, 7, 6, 9];
const LEAST_COMMAND = 12;
/** A screen with fewer rows than these has no foot, or no headings. */
const ROWS_FOR_FOOT = 4;
const ROWS_FOR_HEADINGS = 6;

/** Renders a store as a screen. Only visible rows are rendered. Pure. */
export function frameOf(view: TopView, scene: Scene): Frame {
  const used = view.lines.filter((reading) => view.isChosen || isInUse(reading)).sort(byContention);
  const rows = bodyRows(view, used, scene);
  const hasFoot = scene.keys !== null && scene.rows >= ROWS_FOR_FOOT;
  const hasHeadings = scene.rows >= ROWS_FOR_HEADINGS && rows.some(({ entry }) => entry);
  const page = Math.max(0, scene.rows - 1 - Number(hasFoot) - Number(hasHeadings));
  const offset = Math.max(0, Math.min(offsetOf(rows, scene, page), rows.length - page));
  const visible = rows.slice(offset, offset + page);
  const lines = [
    { text: headOf(view, used, scene), tone: 'head' } as const,
    ...bodyOf(visible, view, scene, hasHeadings),
  ];
  if (hasFoot) {
    while (lines.length < scene.rows - 1) lines.push({ text: '', tone: 'plain' });
    lines.push({
      text: footOf(scene, offset, visible.length, rows.length),
      tone: scene.isAsking ? 'question' : 'foot',
    });
  }
  const names = new Set(visible.flatMap(({ reading }) => reading?.name ?? []));
  const entries = rows.flatMap((row) => (row.entry ? [chosenIn(row)] : []));
  return { lines: lines.slice(0, scene.rows), offset, page, names, entries };
}

function bodyRows(view: TopView, used: readonly LineReading[], { help, now, columns }: Scene): Row[] {
  if (help) return help.map((text) => ({ text }));
  if (view.state !== 'there') return [{ text: whyEmpty(view) }];
  return [...rowsOf(used), ...jobRows(view.jobs, now, columns)];
}

function chosenIn({ reading: { name }, entry }: Extract<Row, { entry: EntryView }>): Chosen {
  return { key: keyOf(name, entry.ticket), name, entry };
}

/** As asked for, or so that the selected entry is in sight. */
function offsetOf(rows: readonly Row[], { offset, selected, isFollowed }: Scene, page: number): number {
  const at = isFollowed ? rows.findIndex((row) => row.entry && chosenIn(row).key === selected) : -1;
  if (at === -1) return offset;
  return Math.max(at - page + 1, Math.min(at, offset));
}

function isInUse({ line, failure }: LineReading): boolean {
  return failure !== null || (line !== null && (line.entries.length > 0 || line.value !== 0));
}

/** The resources with most waiters come first, those without entries last. */
function byContention(one: LineReading, other: LineReading): number {
  const [a, b] = [one, other].map(({ line }) => line?.entries ?? []) as [EntryView[], EntryView[]];
  const byUse = Number(b.length > 0) - Number(a.length > 0);
  return waitingIn(b) - waitingIn(a) || byUse || (one.name < other.name ? -1 : 1);
}

function waitingIn(entries: readonly EntryView[]): number {
  return entries.filter(({ state }) => state === 'waiting').length;
}

function rowsOf(readings: readonly LineReading[]): Row[] {
  const rows = readings.flatMap((reading): Row[] => {
    const { line } = reading;
    return [{ reading }, ...(line?.entries ?? []).map((entry) => ({ reading, line: line as LineView, entry }))];
  });
  return rows.length > 0 ? rows : [{ text: 'There are no holders and no waiters.' }];
}

function whyEmpty({ state, failure, place }: TopView): string {
  if (failure) return shown(messageWithRemedy(failure));
  if (state === 'gone') return 'The store is gone. If it is created again, it is shown here.';
  return `There is nothing in ${shown(place)} yet. New entries are shown here.`;
}

function headOf({ place }: TopView, used: readonly LineReading[], { columns, clock }: Scene): string {
  const entries = used.flatMap(({ line }) => line?.entries ?? []);
  const waiting = waitingIn(entries);
  const counts = [
    counted(used.length, 'resource'),
    counted(entries.length - waiting, 'holder'),
    counted(waiting, 'waiter'),
  ].join(', ');
  const right = `${counts}  ${clock}`;
  const left = `lockstep top  ${shown(place)}`;
  if (!Number.isFinite(columns)) return `${left}  ${right}`;
  const room = columns - widthOf(right) - GAP;
  return room > 0 ? `${filled(left, room)}${' '.repeat(GAP)}${right}` : cut(right, columns);
}

function bodyOf(
  visible: readonly Row[],
  view: TopView,
  { now, columns, selected }: Scene,
  hasHeadings: boolean,
): FrameLine[] {
  const blockers = new Blockers(view.lines.flatMap(({ line }) => line ?? []));
  const cells = visible.map((row) => (row.entry ? cellsOf(row.line, row.entry, { view, blockers, now }) : null));
  const widths = widthsOf([...(hasHeadings ? [HEADINGS] : []), ...cells.filter((row) => row !== null)], columns);
  const body = visible.map((row, at): FrameLine => {
    if (row.entry) {
      const key = keyOf(row.reading.name, row.entry.ticket);
      const text = aligned(cells[at] ?? [], widths, columns);
      if (key === selected) return { text: `>${text.slice(1)}`, tone: 'selected' };
      return { text, tone: toneOf(row.entry, view.deadlocked.has(key)) };
    }
    if (!row.reading) return { text: cut(row.text, columns), tone: row.tone ?? (view.failure ? 'alert' : 'plain') };
    return { text: resourceLine(row.reading, columns), tone: row.reading.failure ? 'alert' : 'resource' };
  });
  return hasHeadings ? [{ text: aligned(HEADINGS, widths, columns), tone: 'headings' }, ...body] : body;
}

interface Around {
  view: TopView;
  blockers: Blockers;
  now: number;
}

function cellsOf(line: LineView, entry: EntryView, { view, blockers, now }: Around): string[] {
  const isDeadlocked = view.deadlocked.has(keyOf(line.name, entry.ticket));
  return [
    `  ${stateOf(entry, isDeadlocked)}`,
    ownerOf(entry),
    ageOf(entry, now),
    blockers.of(line, entry) || '-',
    shown(entry.label === '' ? '-' : entry.label),
  ];
}

/** In whole seconds, so that it does not change with every reading. */
function ageOf({ since }: EntryView, now: number): string {
  const ms = Math.max(0, now - since);
  return ms < 1_000 ? '0s' : prettyMs(Math.floor(ms / 1_000) * 1_000, { unitCount: 2 });
}

/** The widths of all columns but the last one, which has the rest. WAITS FOR has at most a third of the screen, and leaves room for a command. */
function widthsOf(rows: readonly string[][], columns: number): number[] {
  const widths = LEAST.map((least, at) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[at] ?? '')), least),
  );
  const others = widths.slice(0, -1).reduce((total, width) => total + width + GAP, GAP);
  const most = Math.max(LEAST.at(-1) ?? 0, Math.floor(Math.min(columns / 3, columns - others - LEAST_COMMAND)));
  return [...widths.slice(0, -1), Math.min(widths.at(-1) ?? 0, most)];
}

function aligned(cells: readonly string[], widths: readonly number[], columns: number): string {
  const padded = widths.map((width, at) => filled(cells[at] ?? '', width) + ' '.repeat(GAP));
  return cut(`${padded.join('')}${cells.at(-1) ?? ''}`, columns);
}

function toneOf({ stale, state }: EntryView, isDeadlocked: boolean): Tone {
  if (stale || isDeadlocked) return 'alert';
  return state === 'waiting' ? 'waiting' : 'plain';
}

/** `deploy  lock  1 holding, 2 waiting` */
function resourceLine({ name, line, failure }: LineReading, columns: number): string {
  // A long name leaves room for the state.
  const title = cutInside(shown(name), Math.max(8, Math.floor(columns / 2)));
  if (failure) return cut(`${title}  cannot be read: ${shown(messageWithRemedy(failure))}`, columns);
  return cut(line ? `${title}  ${kindOf(line)}  ${summaryOf(line)}` : `${title}  never used`, columns);
}

function summaryOf(line: LineView): string {
  const { kind, permits, entries } = line;
  const waiting = waitingIn(entries);
  const taken = entries.reduce((sum, { state, ask }) => sum + (state === 'holding' ? ask : 0), 0);
  const holding = kind === 'semaphore' ? `${taken} of ${permits} taken` : `${entries.length - waiting} holding`;
  const state = kind === 'lock' || kind === 'semaphore' ? holding : idleStateOf(line);
  if (entries.length === 0) return idleStateOf(line);
  return waiting === 0 ? state : `${state}, ${waiting} waiting`;
}

function footOf({ keys, columns }: Scene, offset: number, shownRows: number, rows: number): string {
  const where = shownRows < rows ? `  ${offset + 1}–${offset + shownRows} of ${rows}` : '';
  return cut(`${keys ?? ''}${where}`, columns);
}
