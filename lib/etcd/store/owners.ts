import { addOwner } from '../../line/entry.ts';
import type { EntryRecord } from './entry-record.ts';
import type { KeeperOrder } from './keeper-order.ts';

/** A record with one more owner; null if it has too many. */
export function withOwner(
  record: EntryRecord,
  { owner: [key, facts], handOver }: Pick<KeeperOrder, 'owner' | 'handOver'>,
): EntryRecord | null {
  const owners = record.owners.map((owner) => ({ ...owner }));
  const entry = { ...record, owners, ticket: 0, holding: false, item: null, next: null, previous: null };
  return addOwner(entry, key, facts, handOver) ? { ...record, owners } : null;
}
