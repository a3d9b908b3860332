import { StoreError } from '../errors.ts';
import type { OwnEntry, Store } from '../store/store.ts';
import { byDeadline } from '../time/deadline.ts';
import type { AcquireOptions } from './acquire-options.ts';
import { abandonQuietly } from './waiting.ts';

/** A caller that does not want to wait for the lock must still learn from the servers whether it is free. */
export const LEAST_MS = 1_000;

/** A single try waits so long for the servers: a member that does not answer is left after half of it. */
export const TRY_MS = 2_000;

/**
 * Waits for the answer of a store that must ask servers, no longer than the caller has time, and at least a second. An entry that is
 * put later is taken out again.
 *
 * @throws the signal's reason (rejects)
 * @throws {StoreError} (rejects) `UNREACHABLE`
 */
export async function joinedInTime(
  store: Store,
  name: string,
  joined: Promise<OwnEntry>,
  { timeout = Number.POSITIVE_INFINITY, signal }: Pick<AcquireOptions, 'timeout' | 'signal'>,
): Promise<OwnEntry> {
  if (timeout === Number.POSITIVE_INFINITY && !signal) return joined;
  const ms = Math.max(timeout, LEAST_MS);
  let isSettled = false;
  const settled = joined.then(
    () => {
      isSettled = true;
    },
    () => {
      isSettled = true;
    },
  );
  await byDeadline(settled, ms, signal);
  if (isSettled) return joined;
  joined.then(
    (entry) => abandonQuietly(store, entry),
    () => undefined,
  );
  signal?.throwIfAborted();
  throw new StoreError(
    'UNREACHABLE',
    `${name}: the store ${store.place} has not answered within ${ms} ms. Check that its servers run and that its URL names them; then try again.`,
    { operation: 'acquire', resource: name, path: store.place },
  );
}
