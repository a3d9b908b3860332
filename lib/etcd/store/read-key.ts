import type { Eviction } from '../../line/entry.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import { type EntryRecord, recordFromJson } from './entry-record.ts';
import type { NameKeys } from './keys.ts';

/** The value of a key of which only the record counts. */
export const NOTHING = Buffer.alloc(0);

/** A key below a name, as it was read. `record`: of an entry; null if another program put it. */
export interface ReadKey extends Pick<KeyValue, 'createRevision' | 'modRevision' | 'lease' | 'value'> {
  readonly key: string;
  readonly record: EntryRecord | null;
}

export function readKey(keys: NameKeys, kv: KeyValue): ReadKey {
  const key = kv.key.toString();
  const { createRevision, modRevision, lease, value } = kv;
  const record = key.startsWith(keys.line) ? recordFromJson(value.toString(), modRevision) : null;
  return { key, createRevision, modRevision, lease, value, record };
}

/** Reads the value of the key that explains an entry's end. */
export function evictionFrom(json: string): Eviction {
  try {
    const { reason, by, isRelease } = JSON.parse(json) as Partial<Eviction>;
    return { reason: String(reason), by: String(by), ...(isRelease === true && { isRelease }) };
  } catch {
    return { reason: 'evicted', by: 'unknown' };
  }
}
