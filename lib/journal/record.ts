/**
 * A record of a journal, as it stands in the file: one JSON array. `id` is `<session key>:<number>` and never used
 * twice: a writer recognises its own record by it.
 */
export type JournalRecord = readonly [verb: string, id: string, ...rest: unknown[]];

/** A whole number from 0 up that arithmetic keeps exact. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The session key in a record's id: what stands before the first colon; without one, all of it. */
export function keyOf(id: string): string {
  const end = id.indexOf(':');
  return end === -1 ? id : id.slice(0, end);
}
