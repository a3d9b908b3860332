import type { Action, CountAction } from '../../line/action.ts';
import { isThere, isUnchanged } from './comparisons.ts';
import { allEnded, brokenBy, MAX_ENDED, removalOf } from './ending.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import type { Change } from './line-ledger.ts';
import { type LineState, remember, type StateChange } from './line-state.ts';
import { writeState } from './state-write.ts';

/** Those of a counter that remembers takes are planned elsewhere: `count-plan.ts`. Items are put into a queue by `puts.ts`. */
export type GateAction = Exclude<Action, CountAction | { do: 'put' }>;

/** The change that an action is to make to a line, and its result. */
export interface Plan {
  /** Null: nothing is to be done. */
  readonly change: Change | null;
  /** The action's result, once that is done. Of an event that is set: how many waited, as the line shows right after. */
  readonly result: number | null | 'all who waited';
  /** Whether more of the same is to be done after that. */
  readonly isPartial?: boolean;
}

/** The plan of an action for a line of its kind, as it was read. `id`: of the request, for those whose repetition would count twice. */
export function planOf(keys: NameKeys, line: EtcdLine, state: LineState, action: GateAction, id: string): Plan {
  const write = (change: StateChange, result: Plan['result']): Plan => ({
    change: { compare: [isUnchanged(keys, line)], success: writeState(keys, line, state, change) },
    result,
  });
  const nothing = (result: number | null): Plan => ({ change: null, result });
  switch (action.do) {
    case 'set':
      return state.value === 1 ? nothing(0) : write({ value: 1 }, 'all who waited');
    case 'clear':
      // Those that are in line until then stay admitted.
      return state.value === 0 ? nothing(0) : write({ value: 0, letIn: 'here' }, 0);
    case 'notify': {
      const woken = line.waiters.slice(0, action.count);
      const [last, count] = [woken.at(-1), woken.length];
      if (last === undefined) return nothing(0);
      const done = remember(state.done, id, count);
      return write({ letIn: last.createRevision, count: state.count + count, done }, count);
    }
    case 'abort':
      return write(brokenBy(line, state, 'it was aborted'), line.waiters.length);
    case 'reset':
      return write({ value: 0, ...allEnded(line, state, 'it was reset') }, line.waiters.length);
    case 'sweep':
      return sweepOf(keys, line, state, action.ticket);
    case 'add': {
      const sum = state.value + action.by;
      if (!Number.isSafeInteger(sum)) return nothing(null);
      return write({ value: sum, done: remember(state.done, id, sum) }, sum);
    }
  }
}

/** Ends waiters up to a place that have one owner only, as it was judged; for nobody else does that break the barrier. */
function sweepOf(keys: NameKeys, line: EtcdLine, state: LineState, upTo: number): Plan {
  const isMeant = ({ place, record }: LineEntry) => place <= upTo && (record?.owners.length ?? 0) <= 1;
  const meant = line.waiters.filter(isMeant);
  const victims = meant.slice(0, MAX_ENDED);
  if (victims.length === 0) return { change: null, result: 0 };
  const eviction = { reason: 'left over', by: 'unknown' };
  const change = {
    compare: [isUnchanged(keys, line), ...victims.map(isThere)],
    success: [
      ...writeState(keys, line, state, { count: Math.max(0, state.count - victims.length) }),
      ...victims.flatMap((victim) => removalOf(keys, victim, eviction)),
    ],
  };
  return { change, result: victims.length, isPartial: meant.length > victims.length };
}
