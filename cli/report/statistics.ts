import { max, median } from 'd3-array';
import { holdOf, type Span, waitOf } from '../../lib/history/index.ts';
import { counted, length } from '../text/quantities.ts';

/** Statistics of some spans. Times in ms; undefined without spans. */
export interface Figures {
  acquisitions: number;
  gaveUp: number;
  /** Evicted, or stolen from. */
  evicted: number;
  medianWait: number | undefined;
  maxWait: number | undefined;
  medianHold: number | undefined;
  maxHold: number | undefined;
}

export function figuresOf(spans: readonly Span[], now: number): Figures {
  const acquired = spans.filter(({ held }) => held);
  const waits = acquired.flatMap((span) => waitOf(span, now)?.ms ?? []);
  const holds = acquired.flatMap((span) => holdOf(span, now)?.ms ?? []);
  return {
    acquisitions: acquired.length,
    gaveUp: spans.filter(({ end }) => end === 'gave up waiting').length,
    evicted: spans.filter(({ end }) => end === 'evicted' || end === 'stolen').length,
    medianWait: median(waits),
    maxWait: max(waits),
    medianHold: median(holds),
    maxHold: max(holds),
  };
}

/** `37 acquisitions; waited 1.2s median, 14s max; held …`: one line for a person. */
export function summaryOf(figures: Figures): string {
  const { acquisitions, gaveUp, evicted, medianWait, maxWait, medianHold, maxHold } = figures;
  return [
    counted(acquisitions, 'acquisition'),
    ...(medianWait === undefined ? [] : [`waited ${length(medianWait)} median, ${length(maxWait)} max`]),
    ...(medianHold === undefined ? [] : [`held ${length(medianHold)} median, ${length(maxHold)} max`]),
    ...(gaveUp === 0 ? [] : [`${gaveUp} gave up`]),
    ...(evicted === 0 ? [] : [`${evicted} evicted`]),
  ].join('; ');
}
