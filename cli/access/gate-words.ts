import type { EntryView, LineView } from '../../lib/index.ts';
import { roughly } from '../text/quantities.ts';

/**
 * Describes the state for which the entries at a barrier, an event or a queue wait: there no holder is in their way. Empty for another kind.
 *
 * @param now wall clock in ms since 1970
 */
export function gateWords(line: LineView, now: number): string {
  const waiting = line.entries.filter(({ state }) => state === 'waiting');
  switch (line.kind) {
    case 'barrier':
      return `${waiting.length} of ${line.permits} have arrived${since(waiting, now, (ms) => `, the first ${ms} ago`)}`;
    case 'event':
      return `not set${since(waiting, now, (ms) => `; ${waiting.length === 1 ? '1 waits' : `${waiting.length} wait`} for it, since ${ms}`)}`;
    case 'queue':
      return `${line.value} queued, ${line.entries.length - waiting.length} taken`;
    default:
      return '';
  }
}

function since([first]: readonly EntryView[], now: number, words: (age: string) => string): string {
  return first ? words(roughly(Math.max(0, now - first.since))) : '';
}
