import type { EtcdClient } from '../client/etcd-client.ts';
import type { RangeRequest } from '../client/kv-messages.ts';

/** After so many changes with an id its maker forgets old ids: more than came since the last time, and few enough for one transaction. */
const SWEEP_EVERY = 32;
const MAX_SWEPT = 60;
/** The change itself is done; its caller waits no longer than this. */
const SWEEP_MS = 1_000;

/** Whether the change that is the `count`th with an id is one that forgets old ones, where so many are remembered. */
export function isToSweep(count: number, remembered: number): boolean {
  return count % SWEEP_EVERY === 0 && count > remembered;
}

/**
 * Forgets ids that are no longer to be remembered. Best effort: a later change does it, too.
 *
 * The caller waits for it, so it must keep the process alive: otherwise a program that does nothing else ends before its change has
 * been answered.
 *
 * @param range the keys by number, whose values are the ids
 * @param keyOf the key of an id
 */
export async function forgetIds(client: EtcdClient, range: RangeRequest, keyOf: (id: string) => string): Promise<void> {
  const { kvs } = await client.range({ ...range, limit: MAX_SWEPT }, { timeoutMs: SWEEP_MS });
  if (kvs.length === 0) return;
  // Another process that sweeps deletes the same. An id that is used anew has another number, and is not deleted for its old one.
  const compare = kvs.map(({ key, modRevision }) => ({ key, result: 'equal', target: 'mod', modRevision }) as const);
  const success = kvs.flatMap(({ key, value }) => [
    { deleteRange: { key } },
    { deleteRange: { key: keyOf(value.toString()) } },
  ]);
  await client.txn({ compare, success }, { isRepeatable: true, timeoutMs: SWEEP_MS });
}
