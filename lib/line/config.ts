import { isCount } from '../journal/record.ts';

const KINDS = ['lock', 'semaphore', 'event', 'condition', 'barrier', 'counter', 'queue'];
export const MAX_PERMITS = 2 ** 31 - 1;
/** At this length a line takes no more entries: a bound on memory, and on the next epoch's header. */
export const MAX_ENTRIES = 65_536;
/** No line comes to a greater ticket or token by itself. */
const MAX_LAST = Number.MAX_SAFE_INTEGER - MAX_ENTRIES;

/** The kind of resource that a name stands for. All its users must state the same. */
export interface Config {
  /** `lock`, `semaphore`, `event`, `condition`, `barrier`, `counter`, `queue`. */
  kind: string;
  /** Of a semaphore: how many there are. Of a barrier: how many parties. Else 1. */
  permits: number;
  /** Of a caller: whether a lock or semaphore with other permits that nobody uses is to be made anew with these. */
  resize?: boolean;
}

/** A line's state in the next epoch's header, as JSON. */
export interface LineHeader extends Config {
  name: string;
  /** The last ticket or token that was given out. */
  last: number;
  /** The last token: its entry may be gone, and still no later token may be smaller. */
  token: number;
  /** Of an event: 1 if it is set. Of a barrier: 1 if it is broken. Of a counter: the number. Of a queue: how many items are queued. Else 0. */
  value: number;
  entries: unknown[];
  /** Of a counter from which was taken, or which was loaded: as `CountWire`. The line's to check. */
  takes?: unknown;
  /** Of a queue into which was put: as `ItemsWire`. The line's to check. */
  items?: unknown;
}

export function emptyHeader(name: string, { kind, permits }: Config): LineHeader {
  return { name, kind, permits, last: 0, token: 0, value: 0, entries: [] };
}

/** @throws {RangeError} if it is none. Its entries are the line's to check. */
export function checkHeader(header: unknown): LineHeader {
  const { name, kind, permits, last, token, value, entries, takes, items } = (header ?? {}) as Partial<LineHeader>;
  if (typeof name !== 'string' || typeof kind !== 'string' || !KINDS.includes(kind))
    throw new RangeError('its header names no kind of resource that this Lockstep knows');
  if (!isCount(permits) || permits === 0 || permits > MAX_PERMITS)
    throw new RangeError('its header names no number of permits');
  // Beyond it there may be no numbers left for the waiters.
  if (!isCount(last) || last > MAX_LAST || !Array.isArray(entries)) throw new RangeError('its header has no line');
  if (!isCount(token) || token > last) throw new RangeError('its header has no last token');
  if (!Number.isSafeInteger(value)) throw new RangeError('its header has no value');
  const known = {
    ...(kind === 'counter' && takes !== undefined && { takes }),
    ...(kind === 'queue' && items !== undefined && { items }),
  };
  return { name, kind, permits, last, token, value: value as number, entries, ...known };
}

export function isSameConfig(one: Config, other: Config): boolean {
  return one.kind === other.kind && one.permits === other.permits;
}

/** Whether one may be made anew as the other where a caller wants that: they differ in their permits alone. */
export function isResizable(one: Config, other: Config): boolean {
  return [one, other].every(({ kind }) => kind === 'lock' || kind === 'semaphore');
}

/** A resource's kind as a message names it. */
export function describeConfig({ kind, permits }: Config): string {
  if (kind === 'semaphore') return `semaphore of ${permits} ${permits === 1 ? 'permit' : 'permits'}`;
  return kind === 'barrier' ? `barrier of ${permits} ${permits === 1 ? 'party' : 'parties'}` : kind;
}
