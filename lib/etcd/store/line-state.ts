import { isCount } from '../../journal/record.ts';
import { type Config, MAX_PERMITS } from '../../line/config.ts';
import { type QueueState, queuedIn, queueFromWire, queueToWire } from './queue-state.ts';

/** Stands in a key's value for the revision at which it is put: nobody knows that before. */
const HERE = -1;
const VERSION = 1;
/** How many requests a state remembers. */
const MAX_DONE = 16;

/** Entries that were ended together: those whose place is past `from`, up to `to`. */
export interface Ended {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** The state that is agreed about a name, apart from the entries in its line. Numbers of places are revisions. */
export interface LineState extends Config {
  /** The name, where the key has not got all of it. */
  readonly name: string | undefined;
  /** As of `LineView`. */
  readonly value: number;
  /** Of a gate: entries up to this place have been admitted. */
  readonly letIn: number;
  /** The last token that is not its entry's place: an entry that has an older place needs a new token. */
  readonly floor: number;
  /**
   * Of a condition: how many admitted entries have not left. If fewer are there, the leases of the others have ended, and their
   * wake-ups are passed on. Of a barrier: how many wait. If fewer do, it is short of a party.
   */
  readonly count: number;
  /** Of a barrier: entries that were ended and whose keys may still be there. */
  readonly ended: readonly Ended[];
  /** The last requests and their results: a request whose answer was lost finds its own here. */
  readonly done: ReadonlyArray<readonly [id: string, result: number, sequence?: number]>;
  /** Of a counter that was taken from, or loaded. */
  readonly takes?: TakesState | undefined;
  /** Of a queue into which was put. */
  readonly queue?: QueueState | undefined;
}

/** The state that a counter has of its takes; the takes themselves are keys of their own. */
export interface TakesState {
  /** Of the last one. */
  readonly sequence: number;
  readonly trimmedTo: number;
  readonly loaded: number;
  readonly generation: string | null;
  /** How many are logged. */
  readonly logged: number;
}

export const NO_TAKES: TakesState = { sequence: 0, trimmedTo: 0, loaded: 0, generation: null, logged: 0 };

export function initialState(name: string, { kind, permits }: Config, isNameInKey: boolean): LineState {
  const empty = { value: 0, letIn: 0, floor: 0, count: 0, ended: [], done: [] };
  return { name: isNameInKey ? undefined : name, kind, permits, ...empty };
}

/** The changes of a state; `here` for the revision of the change itself. */
export type StateChange = Partial<Omit<LineState, 'letIn' | 'floor' | 'name'>> & {
  letIn?: number | 'here';
  floor?: number | 'here';
};

/** The change of a state whose queue is this one from now on. */
export function changeTo(queue: QueueState): StateChange {
  return { queue, value: queuedIn(queue) };
}

/** A state as a key's value. Without what is 0 or empty: so that nearly all locks have the very same. */
export function stateToJson(state: LineState, change: StateChange = {}): string {
  const { name, kind, permits, value, letIn, floor, count, ended, done, takes, queue } = { ...state, ...change };
  const number = (of: number | 'here') => (of === 'here' ? HERE : of || undefined);
  return JSON.stringify({
    v: VERSION,
    name,
    kind,
    permits,
    value: value || undefined,
    letIn: number(letIn),
    floor: number(floor),
    count: count || undefined,
    ended: ended.length === 0 ? undefined : ended.map(({ from, to, reason }) => [from, to, reason]),
    done: done.length === 0 ? undefined : done,
    takes,
    queue: queue && queueToWire(queue),
  });
}

/** `sequence`: of a take. */
export function remember(done: LineState['done'], id: string, result: number, sequence?: number): LineState['done'] {
  return [...done.slice(1 - MAX_DONE), sequence === undefined ? [id, result] : [id, result, sequence]];
}

/** The state that a key's value is; null if it is none that this version knows. */
export function stateFromJson(json: string, revision: number): LineState | null {
  const wire = parsed(json);
  if (wire === null || wire.v !== VERSION) return null;
  const { name, kind, permits, value = 0, letIn = 0, floor = 0, count = 0, ended = [], done = [] } = wire;
  if (typeof kind !== 'string' || !isCount(permits) || permits === 0 || permits > MAX_PERMITS) return null;
  if (!Number.isSafeInteger(value) || !isPlace(letIn) || !isPlace(floor) || !isCount(count)) return null;
  if (!Array.isArray(ended) || !Array.isArray(done)) return null;
  const takes = wire.takes === undefined ? undefined : takesFrom(wire.takes);
  const queue = wire.queue === undefined ? undefined : queueFromWire(wire.queue, revision);
  if (takes === null || queue === null) return null;
  const resolved = (place: number) => (place === HERE ? revision : place);
  return {
    name: typeof name === 'string' ? name : undefined,
    ...{ kind, permits, count },
    value: value as number,
    letIn: resolved(letIn),
    floor: resolved(floor),
    ended: ended.map(([from, to, reason]) => ({ from: Number(from), to: Number(to), reason: String(reason) })),
    done: done.map(
      ([id, result, ...rest]) =>
        [String(id), Number(result), ...rest.slice(0, 1).map(Number)] as [string, number, number?],
    ),
    takes,
    queue,
  };
}

function takesFrom(wire: unknown): TakesState | null {
  const { sequence, trimmedTo, loaded, generation, logged } = (wire ?? {}) as Partial<TakesState>;
  if (!isCount(sequence) || !isCount(trimmedTo) || !isCount(loaded) || !isCount(logged)) return null;
  if (generation !== null && typeof generation !== 'string') return null;
  return { sequence, trimmedTo, loaded, generation, logged };
}

function parsed(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isPlace(value: unknown): value is number {
  return isCount(value) || value === HERE;
}
