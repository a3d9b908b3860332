import { keyOf } from '../../journal/record.ts';
import { type Entry, entryFromWire, entryToWire, KEEPS_NOTHING } from '../../line/entry.ts';

const VERSION = 1;

/** An entry as its key's value has it. */
export interface EntryRecord extends Pick<Entry, 'id' | 'owners' | 'ask' | 'at' | 'label' | 'keeps'> {
  /** Its place, if that is not the create revision of its key: of one that took the place of another, and is newer. 0: it is. */
  readonly place: number;
  /** Its token, if that is not its place. 0: it is. */
  readonly token: number;
}

/** Which number of a record is the revision at which it is put. */
export type Here = 'place' | 'token';

/** A record as a key's value: `{"v":1,"entry":[…],"here":…}`, where the entry is as in the header of a journal. */
export function recordToJson(record: EntryRecord, here?: Here): string {
  const { place, ...rest } = record;
  const entry = entryToWire({ ...rest, ticket: place, holding: false, item: null, next: null, previous: null });
  return JSON.stringify({ v: VERSION, entry, here });
}

/** The record that a key's value is; null if it is none that this version knows. */
export function recordFromJson(json: string, modRevision: number): EntryRecord | null {
  if (json === '') return null;
  try {
    const { v, entry: wire, here } = JSON.parse(json) as { v: unknown; entry: unknown; here?: unknown };
    const entry = v === VERSION ? entryFromWire(wire) : null;
    if (entry === null) return null;
    const { id, owners, ask, at, label, keeps, ticket, token } = entry;
    const place = here === 'place' ? modRevision : ticket;
    return { id, owners, ask, at, label, keeps, place, token: here === 'token' ? modRevision : token };
  } catch {
    return null;
  }
}

/** The record of an entry that joins. */
export function newRecord(given: Pick<EntryRecord, 'id' | 'owners' | 'ask' | 'at' | 'label'>): EntryRecord {
  return { ...given, keeps: KEEPS_NOTHING, place: 0, token: 0 };
}

/** The key of the session that an entry belongs to first. */
export function sessionOf({ id }: Pick<EntryRecord, 'id'>): string {
  return keyOf(id);
}
