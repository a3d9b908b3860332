import type { PastAction, Span, Stretch } from '../../lib/history/index.ts';
import { isOver } from '../../lib/internal.ts';
import { length, localTime } from '../text/quantities.ts';

/** `2026-11-25 23:59:12.345`; `?` if unknown. */
export function momentWords(ms: number | null): string {
  return ms === null ? '?' : localTime(ms, 'milliseconds');
}

/** `1.2s`; `0ms*` if the clocks disagree; `?` if unknown. */
export function stretchWords(stretch: Stretch | null): string {
  return stretch ? `${length(stretch.ms)}${stretch.isSkewed ? '*' : ''}` : '?';
}

/** `released`, `evicted: its process is gone (by pid 7 on web1)`, `still holding, stale: …` */
export function endWords(span: Span): string {
  const { end, reason, by, stale } = span;
  if (!isOver(span)) return stale === null ? end : `${end}, stale: ${stale}`;
  if (end === 'left') return 'released';
  if (end === 'stolen') return `stolen by ${by}`;
  if (end === 'evicted') return `evicted: ${reason}${by === 'unknown' ? '' : ` (by ${by})`}`;
  return end;
}

/** `set`, `notify 2`, `add -1` */
export function actionWords({ did, number }: PastAction): string {
  return did === 'sweep' || number === null ? did : `${did} ${number}`;
}

/** The result of an action: `2 released`, `1 ended`, a counter's new value, the item that was put. */
export function outcomeWords({ did, outcome }: PastAction): string {
  if (did === 'add' || did === 'take' || did === 'load' || did === 'rebuild') return `= ${outcome}`;
  if (did === 'set' || did === 'notify') return `${outcome} released`;
  if (did === 'put') return `item ${outcome}`;
  if (did === 'trim') return `${outcome} written back`;
  return did === 'clear' ? '' : `${outcome} ended`;
}
