import { isCount, type JournalRecord } from '../journal/record.ts';

/**
 * What one may do to a resource without standing in its line. Each is one record, so each is done whole or
 * not at all, whenever its process dies.
 *
 * - `set`, `clear`: an event.
 * - `notify`: the first `count` waiters of a condition go on.
 * - `abort`, `reset`: a barrier. `sweep`: those who wait up to this ticket, of whom none is alive, are gone.
 * - `add`: a counter.
 */
export type Action =
  | { do: 'set' | 'clear' | 'abort' | 'reset' }
  | { do: 'notify'; count: number }
  | { do: 'sweep'; ticket: number }
  | { do: 'add'; by: number };

/** Which kind of resource each verb is for. */
const KIND_OF: Record<Action['do'], string> = {
  set: 'event',
  clear: 'event',
  notify: 'condition',
  abort: 'barrier',
  reset: 'barrier',
  sweep: 'barrier',
  add: 'counter',
};

/** `[verb, id, at, number]`; verbs that need no number have none. */
export function actionRecord(action: Action, id: string, at: number): JournalRecord {
  if (action.do === 'notify') return [action.do, id, at, action.count];
  if (action.do === 'sweep') return [action.do, id, at, action.ticket];
  if (action.do === 'add') return [action.do, id, at, action.by];
  return [action.do, id, at];
}

/** The action that a record is, if it is one for this kind of resource. */
export function actionOf([verb, , , number]: JournalRecord, kind: string): Action | null {
  if (!Object.hasOwn(KIND_OF, verb) || KIND_OF[verb as Action['do']] !== kind) return null;
  if (verb === 'notify') return isCount(number) ? { do: verb, count: number } : null;
  if (verb === 'sweep') return isCount(number) ? { do: verb, ticket: number } : null;
  if (verb === 'add') return Number.isSafeInteger(number) ? { do: verb, by: number as number } : null;
  return { do: verb as 'set' };
}
