import { max, median } from 'd3-array';
import { holdOf, type Span, waitOf } from '../../lib/history/index.ts';
import { counted, length } from '../text/quantities.ts';

/** Statistics of some spans. Times in ms; undefined without spans. */
export interface Figures {
  acquisitions: number;
  /** They have waited long, perhaps, but their waits are not over, and in no figure of waits. */
  stillWaiting: number;
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
    stillWaiting: spans.filter(({ end }) => end === 'still waiting').length,
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
  const { acquisitions, stillWaiting, gaveUp, evicted, medianWait, maxWait, medianHold, maxHold } = figures;
  return [
    // For an event or a barrier there is nothing to acquire.
    ...(acquisitions === 0 && stillWaiting > 0 ? [] : [counted(acquisitions, 'acquisition')]),
    ...(stillWaiting === 0 ? [] : [`${stillWaiting} still waiting`]),
    ...(medianWait === undefined ? [] : [`waited ${length(medianWait)} median, ${length(maxWait)} max`]),
    ...(medianHold === undefined ? [] : [`held ${length(medianHold)} median, ${length(maxHold)} max`]),
    ...(gaveUp === 0 ? [] : [`${gaveUp} gave up`]),
    ...(evicted === 0 ? [] : [`${evicted} evicted`]),
  ].join('; ');
}
