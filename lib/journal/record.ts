/**
 * A record of a journal, as it stands in the file: one JSON array. `id` is `<session key>:<number>` and never used
 * twice: a writer recognises its own record by it.
 */
export type JournalRecord = readonly [verb: string, id: string, ...rest: unknown[]];

/** A whole number from 0 up that arithmetic keeps exact. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The latest time that a record can have, in µs since 1970: in the year 2255. Readers believe no later one. */
export const LATEST_MICROS = 9e15;

/** The time for a record, of a wall clock in µs since 1970: a clock that is set beyond what a record can have gets the nearest that it can. */
export function recordTime(wallMicros: number): number {
  return Math.min(Math.max(wallMicros, 0), LATEST_MICROS);
}

/** The session key in a record's id: the part before the first colon; without one, all of it. */
export function keyOf(id: string): string {
  const end = id.indexOf(':');
  return end === -1 ? id : id.slice(0, end);
}
