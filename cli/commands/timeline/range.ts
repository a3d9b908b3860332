import { type ScaleTime, scaleTime } from 'd3-scale';
import { timeFormat } from 'd3-time-format';
import type { Past, Span } from '../../../lib/history/index.ts';
import { isOver, lastOf } from '../../../lib/internal.ts';
import { CHARACTER } from './layout.ts';

/** The shortest range, so that an instant has a width. */
const LEAST_MS = 20;
const MARGIN = 0.015;
const SECOND = 1_000;
/** Between two labels, in pixels. */
const BETWEEN = 10;
const DAY = 24 * 60 * 60 * SECOND;

/** A period, in ms since 1970. */
export interface Range {
  from: number;
  to: number;
  /** Whether `to` is now, and an entry goes on beyond it. */
  isOpen: boolean;
}

/** The start of a bar. A holder from before the known past is shown from the start of that. */
export function startOf(span: Span, { from }: Past): number {
  return span.held && span.grantedAt === null ? Math.max(span.enteredAt, from) : span.enteredAt;
}

/** The range of the known past, or of the last `sinceMs`. Null if nothing happened in it. */
export function rangeOf(pasts: readonly Past[], sinceMs: number | null): Range | null {
  const readAt = Math.max(...pasts.map((past) => past.readAt));
  const moments = pasts.flatMap((past) => [
    ...past.spans.flatMap((span) => [startOf(span, past), lastOf(span, readAt)]),
    ...past.actions.flatMap(({ at }) => at ?? []),
  ]);
  if (moments.length === 0) return null;
  const isOpen = pasts.some(({ spans }) => spans.some((span) => !isOver(span)));
  const [first, last] = [least(moments), -least(moments.map((at) => -at))];
  if (sinceMs === null) return widened({ from: first, to: last, isOpen });
  const from = readAt - sinceMs;
  return last < from ? null : widened({ from, to: Math.max(readAt, last), isOpen });
}

function least(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
}

function widened({ from, to, isOpen }: Range): Range {
  const margin = Math.max((to - from) * MARGIN, (LEAST_MS - (to - from)) / 2);
  // An entry that goes on is cut at the end of the picture.
  return { from: from - margin, to: isOpen ? to : to + margin, isOpen };
}

export function scaleOf({ from, to }: Range, left: number, right: number): ScaleTime<number, number> {
  return scaleTime().domain([from, to]).range([left, right]).clamp(true);
}

export interface Tick {
  x: number;
  text: string;
}

/**
 * The axis' lines and their labels, which do not touch each other, nor the edges: of some lines there are none then.
 *
 * @param beyond the room beside the end of the axis
 */
export function ticksOf(scale: ScaleTime<number, number>, most: number, beyond = 26): Tick[] {
  const dates = scale.ticks(most);
  const step = dates.length > 1 ? Number(dates[1]) - Number(dates[0]) : LEAST_MS;
  const format = timeFormat(patternFor(step));
  const ticks = dates.map((date) => ({ x: scale(date), text: format(date) }));
  const [, right = 0] = scale.range();
  let free = Number.NEGATIVE_INFINITY;
  return ticks.map(({ x, text }) => {
    const half = (text.length * CHARACTER.small) / 2;
    if (x - half < free || x + half > right + beyond) return { x, text: '' };
    free = x + half + BETWEEN;
    return { x, text };
  });
}

function patternFor(stepMs: number): string {
  if (stepMs < SECOND) return '%H:%M:%S.%L';
  if (stepMs < 60 * SECOND) return '%H:%M:%S';
  // A day may have 23 hours.
  return stepMs < DAY / 2 ? '%H:%M' : stepMs < DAY - 3_600 * SECOND ? '%b %-d, %H:%M' : '%b %-d, %Y';
}

const withDay = timeFormat('%Y-%m-%d %H:%M:%S');
const withinDay = timeFormat('%H:%M:%S');
const day = timeFormat('%Y-%m-%d');
const zone = timeFormat('%Z');

/** `2026-11-25 23:59:12 to 23:59:50 (+0100)` */
export function rangeWords({ from, to }: Range): string {
  const [first, last] = [new Date(from), new Date(to)];
  const end = day(first) === day(last) ? withinDay(last) : withDay(last);
  return `${withDay(first)} to ${end} (UTC${zone(last)})`;
}
