import type { CountAction } from '../../line/action.ts';
import type { LoggedTake } from '../../line/count-wire.ts';
import type { Answer, Refusal, Taken } from '../../line/outcome.ts';
import type { RequestOp } from '../client/txn-messages.ts';
import type { EtcdLine } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import { type LineState, NO_TAKES, remember, type StateChange, type TakesState } from './line-state.ts';
import { writeState } from './state-write.ts';

/** The values that were read beside the line. */
export interface Known {
  /** The value under the action's own id; null: there is none, or it was not read. */
  readonly own: string | null;
  /** Of a trim: how many logged takes it drops. */
  readonly logged: number;
}

/** All that a plan is made of. */
export interface CountFacts {
  readonly keys: NameKeys;
  readonly line: EtcdLine;
  readonly state: LineState;
  readonly known: Known;
  /** Of this request, for a take without an id of its own. */
  readonly request: string;
  /** The wall clock, in µs. */
  readonly at: number;
}

/** The change that an action is to make, and its answer once that is done. */
export interface CountPlan {
  /** Null: nothing. */
  readonly change: readonly RequestOp[] | null;
  readonly answer: Answer;
}

/** The plan of an action on a counter, as its state was read. The same decisions as `Count` makes for a store on disk. */
export function countPlanOf(facts: CountFacts, action: CountAction): CountPlan {
  switch (action.do) {
    case 'take':
      return takePlanOf(facts, action);
    case 'load':
      return loadPlanOf(facts, action);
    case 'trim':
      return trimPlanOf(facts, action.upTo);
    case 'rebuild':
      return rebuildPlanOf(facts, action);
  }
}

/** A logged take, of its key and its value. */
export function loggedFrom(sequence: number, json: string): LoggedTake {
  const [id, n, left, at] = JSON.parse(json) as [string, number, number, number];
  return { id, n, left, sequence, at };
}

function takePlanOf(
  { keys, line, state, known, request, at }: CountFacts,
  action: CountAction & { do: 'take' },
): CountPlan {
  const { n, floor, id, bound } = action;
  const takes = takesOf(state);
  if (known.own !== null) return nothing(repeatOf(known.own, n));
  const own = id === null ? state.done.find(([one]) => one === request) : undefined;
  if (own) return nothing({ left: own[1], sequence: own[2] ?? 0, isRepeat: true });
  const left = state.value - n;
  if (left < floor || !Number.isSafeInteger(left)) return nothing('sold out');
  if (bound !== null && takes.logged >= bound) return nothing('log full');
  const sequence = takes.sequence + 1;
  const logged = takes.logged + (bound === null ? 0 : 1);
  const done = id === null ? { done: remember(state.done, request, left, sequence) } : {};
  const puts: RequestOp[] = [];
  if (id !== null) {
    puts.push({ put: { key: keys.takeId(id), value: JSON.stringify([n, left, sequence]) } });
    puts.push({ put: { key: keys.idAt(sequence), value: id } });
  }
  if (bound !== null) puts.push({ put: { key: keys.take(sequence), value: JSON.stringify([id, n, left, at]) } });
  const change: StateChange = { value: left, takes: { ...takes, sequence, logged }, ...done };
  return { change: [...writeState(keys, line, state, change), ...puts], answer: { left, sequence, isRepeat: false } };
}

function repeatOf(json: string, n: number): Taken | Refusal {
  const [number, left, sequence] = JSON.parse(json) as [number, number, number];
  return number === n ? { left, sequence, isRepeat: true } : 'another number';
}

function loadPlanOf(
  { keys, line, state, known }: CountFacts,
  { n, id, generation }: CountAction & { do: 'load' },
): CountPlan {
  if (known.own !== null) return nothing(Number(known.own) === n ? state.value : 'another number');
  const takes = takesOf(state);
  const [value, loaded] = [state.value + n, takes.loaded + n];
  if (!Number.isSafeInteger(value) || !Number.isSafeInteger(loaded)) return nothing(null);
  const change = { value, takes: { ...takes, loaded, generation: takes.generation ?? generation } };
  const put = { put: { key: keys.loadId(id), value: String(n) } };
  return { change: [...writeState(keys, line, state, change), put], answer: value };
}

function trimPlanOf({ keys, line, state, known }: CountFacts, upTo: number): CountPlan {
  const takes = takesOf(state);
  const trimmedTo = Math.max(takes.trimmedTo, Math.min(upTo, takes.sequence));
  if (known.logged === 0 && trimmedTo === takes.trimmedTo) return nothing(0);
  const change = { takes: { ...takes, trimmedTo, logged: takes.logged - known.logged } };
  const drop = { deleteRange: { ...keys.takesAfter(0), rangeEnd: keys.take(trimmedTo + 1) } };
  return { change: [...writeState(keys, line, state, change), drop], answer: known.logged };
}

function rebuildPlanOf({ keys, line, state }: CountFacts, action: CountAction & { do: 'rebuild' }): CountPlan {
  const { left, loaded, sequence, generation } = action;
  const takes = takesOf(state);
  // The answer to the first request was lost.
  if (takes.generation === generation) return nothing(state.value);
  if (takes.sequence > sequence || takes.logged > 0) return nothing('ahead');
  const change = { value: left, takes: { sequence, trimmedTo: sequence, loaded, generation, logged: 0 } };
  return { change: writeState(keys, line, state, change), answer: left };
}

function takesOf({ takes }: LineState): TakesState {
  return takes ?? NO_TAKES;
}

function nothing(answer: Answer): CountPlan {
  return { change: null, answer };
}
