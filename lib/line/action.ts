import { isCount, type JournalRecord } from '../journal/record.ts';
import { MAX_LOGGED, type Rebuilt, type TakeRequest } from './count.ts';
import { isTakeId } from './count-wire.ts';
import { isItemText } from './item.ts';
import { MAX_ITEMS, type PutRequest } from './items.ts';

/**
 * An operation on a resource from outside of its line. Each is one record, so each is atomic, whenever its process dies.
 *
 * - `set`, `clear`: an event.
 * - `notify`: admits the first `count` waiters of a condition.
 * - `abort`, `reset`: a barrier. `sweep`: ends the waiters up to this ticket, none of which is alive.
 * - `add`: a counter.
 * - `take`: a counter, down to a floor. `load`: adds to it once for each id. `trim`: drops the log of takes up to a sequence.
 *   `rebuild`: sets a counter that has lost its data.
 * - `put`: a queue.
 */
export type Action =
  | { do: 'set' | 'clear' | 'abort' | 'reset' }
  | { do: 'notify'; count: number }
  | { do: 'sweep'; ticket: number }
  | { do: 'add'; by: number }
  | ({ do: 'put' } & PutRequest)
  | CountAction;

/** An action on a counter that remembers takes. */
export type CountAction =
  | ({ do: 'take' } & TakeRequest)
  | { do: 'load'; n: number; id: string; generation: string }
  | { do: 'trim'; upTo: number }
  | ({ do: 'rebuild' } & Rebuilt);

/** The kind of resource that each verb is for. */
const KIND_OF: Record<Action['do'], string> = {
  set: 'event',
  clear: 'event',
  notify: 'condition',
  abort: 'barrier',
  reset: 'barrier',
  sweep: 'barrier',
  add: 'counter',
  take: 'counter',
  load: 'counter',
  trim: 'counter',
  rebuild: 'counter',
  put: 'queue',
};

/** Whether it admits waiters by their number, so that a dead one among them would take the place of a living one. */
export function admitsSome(action: Action): boolean {
  return action.do === 'notify';
}

/** `[verb, id, at, …]`, and the action's own items. */
export function actionRecord(action: Action, id: string, at: number): JournalRecord {
  switch (action.do) {
    case 'notify':
      return [action.do, id, at, action.count];
    case 'sweep':
      return [action.do, id, at, action.ticket];
    case 'add':
      return [action.do, id, at, action.by];
    case 'take': {
      const { n, floor, id: own, bound } = action;
      const known = own === null ? [] : [own];
      return [action.do, id, at, n, floor, ...known, ...(bound === null ? [] : [bound])];
    }
    case 'put':
      return [action.do, id, at, action.text, action.bound, ...(action.id === null ? [] : [action.id])];
    case 'load':
      return [action.do, id, at, action.n, action.id, action.generation];
    case 'trim':
      return [action.do, id, at, action.upTo];
    case 'rebuild':
      return [action.do, id, at, action.left, action.loaded, action.sequence, action.generation];
    default:
      return [action.do, id, at];
  }
}

/** The action that a record is, if it is one for this kind of resource. */
export function actionOf(record: JournalRecord, kind: string): Action | null {
  const [verb, , , number] = record;
  if (!Object.hasOwn(KIND_OF, verb) || KIND_OF[verb as Action['do']] !== kind) return null;
  if (verb === 'notify') return isCount(number) ? { do: verb, count: number } : null;
  if (verb === 'sweep') return isCount(number) ? { do: verb, ticket: number } : null;
  if (verb === 'add') return isWhole(number) ? { do: verb, by: number } : null;
  if (verb === 'take') return takeOf(record);
  if (verb === 'put') return putOf(record);
  if (verb === 'load') return loadOf(record);
  if (verb === 'trim') return isCount(number) ? { do: verb, upTo: number } : null;
  if (verb === 'rebuild') return rebuildOf(record);
  return { do: verb as 'set' };
}

/** `["take", id, at, n, floor, own id, bound]`: without a bound it is not logged. */
function takeOf([, , at, n, floor, id, bound]: JournalRecord): Action | null {
  if (!isCount(at) || !isCount(n) || n === 0 || !isWhole(floor)) return null;
  if (id === undefined) return { do: 'take', n, floor, id: null, bound: null };
  if (!isTakeId(id)) return null;
  if (bound === undefined) return { do: 'take', n, floor, id, bound: null };
  return isCount(bound) && bound <= MAX_LOGGED ? { do: 'take', n, floor, id, bound } : null;
}

/** `["put", id, at, text, bound, own id]` */
function putOf([, , , text, bound, id]: JournalRecord): Action | null {
  if (!isItemText(text) || !isCount(bound) || bound === 0 || bound > MAX_ITEMS) return null;
  if (id !== undefined && !isTakeId(id)) return null;
  return { do: 'put', text, bound, id: id ?? null };
}

/** `["load", id, at, n, own id, generation]` */
function loadOf([, , , n, id, generation]: JournalRecord): Action | null {
  return isCount(n) && isTakeId(id) && isTakeId(generation) ? { do: 'load', n, id, generation } : null;
}

/** `["rebuild", id, at, left, loaded, sequence, generation]` */
function rebuildOf([, , , left, loaded, sequence, generation]: JournalRecord): Action | null {
  if (!isWhole(left) || !isCount(loaded) || !isCount(sequence) || !isTakeId(generation)) return null;
  return { do: 'rebuild', left, loaded, sequence, generation };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
