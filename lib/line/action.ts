import { isCount, type JournalRecord } from '../journal/record.ts';

/**
 * An operation on a resource from outside of its line. Each is one record, so each is atomic, whenever its process dies.
 *
 * - `set`, `clear`: an event.
 * - `notify`: admits the first `count` waiters of a condition.
 * - `abort`, `reset`: a barrier. `sweep`: ends the waiters up to this ticket, none of which is alive.
 * - `add`: a counter.
 */
export type Action =
  | { do: 'set' | 'clear' | 'abort' | 'reset' }
  | { do: 'notify'; count: number }
  | { do: 'sweep'; ticket: number }
  | { do: 'add'; by: number };

/** The kind of resource that each verb is for. */
const KIND_OF: Record<Action['do'], string> = {
  set: 'event',
  clear: 'event',
  notify: 'condition',
  abort: 'barrier',
  reset: 'barrier',
  sweep: 'barrier',
  add: 'counter',
};

/** Whether it admits waiters by their number, so that a dead one among them would take the place of a living one. */
export function admitsSome(action: Action): boolean {
  return action.do === 'notify';
}

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
