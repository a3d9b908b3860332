import type { EntryView, LineView } from '../../lib/index.ts';
import { shown } from '../text/escape.ts';
import { roughly } from '../text/quantities.ts';
import { cut, widthOf } from '../text/truncate.ts';
import { gateWords } from './gate-words.ts';
import { isHeldByUs } from './holder-words.ts';
import { expectedWaitMs } from './wait-estimate.ts';

/** The facts that a waiting verb knows. */
export interface WaitReading {
  name: string;
  line: LineView | null;
  /** Wall clock in ms since 1970. */
  now: number;
  /** The lock of other programs for which it waits when it is its turn; null: none. */
  foreign?: string | null;
  /** How long the resource is usually held; null: not known. */
  usualMs: number | null;
}

/** Below this, a holder's command says nothing. */
const LEAST_COMMAND = 6;

/** Whether those in a line wait for its holders: for a lock, or a semaphore. */
export function hasPermits({ kind }: LineView): boolean {
  return kind === 'lock' || kind === 'semaphore';
}

/**
 * One line for a person who waits: the holders, for how long they hold, how many are before, and how long it may take. At most `columns`
 * wide: the holder's command gives way first. At a barrier, for an event or at a queue: the state so far.
 */
export function waitLine({ name, line, now, usualMs, foreign }: WaitReading, columns: number): string {
  const entries = line?.entries ?? [];
  const holders = entries.filter(({ state }) => state === 'holding');
  const own = entries.findIndex(({ ours, state }) => ours && state === 'waiting');
  const head = `lockstep: ${shown(name)}: waiting`;
  if (line && !hasPermits(line)) return cut(`${head}; ${gateWords(line, now)}${placeInQueue(line, own)}`, columns);
  if (foreign && line && isHeldByUs(line)) return cut(`${head}; another program has ${shown(foreign)}`, columns);
  const [first] = holders;
  const parts = [
    placeWords(entries, own),
    line && own !== -1 && usualMs !== null ? timeWords(entries, own, line, { now, usualMs }) : '',
  ].filter(Boolean);
  const tail = parts.map((part) => `; ${part}`).join('');
  if (!first) return cut(`${head}${tail}`, columns);
  const more = holders.length > 1 ? ` and ${holders.length - 1} more` : '';
  const holder = (command: string) => `; held by ${holderWords(first, now, command)}${more}`;
  const room = columns - widthOf(`${head}${holder('')}${tail}`) - ' ()'.length;
  const command = room < LEAST_COMMAND ? '' : cut(shown(first.label), room);
  return cut(`${head}${holder(command)}${tail}`, columns);
}

/** Our place in line; empty for a verb that only looks on. */
function placeWords(entries: readonly EntryView[], own: number): string {
  if (own === -1) return '';
  const before = entries.slice(0, own).filter(({ state }) => state === 'waiting').length;
  return before === 0 ? 'you are next' : before === 1 ? '1 waits before you' : `${before} wait before you`;
}

/** Those that get items take turns; at other gates all are let in together. */
function placeInQueue({ kind, entries }: LineView, own: number): string {
  return kind === 'queue' && own !== -1 ? `; ${placeWords(entries, own)}` : '';
}

/** `pid 42 (./deploy.sh) on web1 for 12s` */
function holderWords({ owners, since }: EntryView, now: number, command: string): string {
  const owner = owners.at(-1);
  const what = command === '' ? '' : ` (${command})`;
  return `pid ${owner?.pid ?? '?'}${what} on ${shown(owner?.host ?? '?')} for ${roughly(Math.max(0, now - since))}`;
}

/** `about 40s left`; `usually held for 5s`, where it is held for longer than that. */
function timeWords(
  entries: readonly EntryView[],
  own: number,
  line: LineView,
  at: { now: number; usualMs: number },
): string {
  const ms = expectedWaitMs(entries.slice(0, own), entries[own]?.ask ?? 1, line, at);
  return ms > 0 ? `about ${roughly(Math.max(1_000, ms))} left` : `usually held for ${roughly(at.usualMs)}`;
}
