import { isCount } from '../journal/record.ts';

const MAX_ID = 200;

/** A take whose id is remembered. */
export interface RememberedTake {
  readonly id: string;
  readonly n: number;
  /** The number afterwards. */
  readonly left: number;
  readonly sequence: number;
}

export interface LoggedTake extends RememberedTake {
  /** The wall clock of its request, in µs. */
  readonly at: number;
}

/** A load whose id is remembered. */
export interface Load {
  readonly id: string;
  readonly n: number;
}

/** The state that a counter has of its takes, beside its number. */
export interface CountState {
  /** Of the last take. */
  readonly sequence: number;
  readonly trimmedTo: number;
  readonly loaded: number;
  readonly generation: string | null;
  /** In the order of their sequences, as `kept`. */
  readonly log: readonly LoggedTake[];
  readonly kept: readonly RememberedTake[];
  readonly loads: readonly Load[];
}

/** The same in a header, as JSON: `log` is `[[id, n, left, sequence, at], …]`, `kept` the same without `at`, `loads` is `[[id, n], …]`. */
export interface CountWire {
  sequence: number;
  trimmed: number;
  loaded: number;
  generation: string;
  log: unknown[];
  kept: unknown[];
  loads: unknown[];
}

/** Whether it is an id of a take or a load: 1 to 200 UTF-16 units. */
export function isTakeId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ID;
}

export function countToWire({ sequence, trimmedTo, loaded, generation, log, kept, loads }: CountState): CountWire {
  return {
    ...{ sequence, trimmed: trimmedTo, loaded, generation: generation ?? '' },
    log: log.map((one) => [one.id, one.n, one.left, one.sequence, one.at]),
    kept: kept.map((one) => [one.id, one.n, one.left, one.sequence]),
    loads: loads.map(({ id, n }) => [id, n]),
  };
}

/** @throws {RangeError} if it is none */
export function countFromWire(wire: unknown): CountState {
  const { sequence, trimmed, loaded, generation, log, kept, loads } = (wire ?? {}) as Partial<CountWire>;
  const areCounts = isCount(sequence) && isCount(trimmed) && isCount(loaded) && trimmed <= sequence;
  if (!areCounts || (generation !== '' && !isTakeId(generation))) throw new RangeError('its header has no takes');
  const state = {
    ...{ sequence, trimmedTo: trimmed, loaded, generation: generation === '' ? null : generation },
    log: listOf(log, ([id, n, left, at, when]) => (isCount(when) ? { ...taken(id, n, left, at), at: when } : null)),
    kept: listOf(kept, ([id, n, left, at]) => taken(id, n, left, at)),
    loads: listOf(loads, ([id, n]) => (isTakeId(id) && isCount(n) ? { id, n } : null)),
  };
  const ids = new Set([...state.log, ...state.kept].map(({ id }) => id));
  const isOnce = ids.size === state.log.length + state.kept.length;
  const isInOrder = [state.log, state.kept].every((takes) =>
    takes.every((one, at) => one.sequence <= sequence && one.sequence > (takes[at - 1]?.sequence ?? 0)),
  );
  if (!isOnce || !isInOrder || new Set(state.loads.map(({ id }) => id)).size !== state.loads.length)
    throw new RangeError('its header has takes that are none');
  return state;
}

function taken(id: unknown, n: unknown, left: unknown, sequence: unknown): RememberedTake {
  if (isTakeId(id) && isCount(n) && n > 0 && Number.isSafeInteger(left) && isCount(sequence))
    return { id, n, left: left as number, sequence };
  throw new RangeError('its header has a take that is none');
}

function listOf<T>(wire: unknown, parse: (one: unknown[]) => T | null): T[] {
  if (!Array.isArray(wire)) throw new RangeError('its header has no list of takes');
  return wire.map((one: unknown) => {
    const parsed = Array.isArray(one) ? parse(one) : null;
    if (parsed === null) throw new RangeError('its header has a take that is none');
    return parsed;
  });
}
