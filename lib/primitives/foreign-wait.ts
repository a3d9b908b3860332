import { LockTimeoutError } from '../errors.ts';
import type { ForeignHold, ForeignLock } from '../foreign/foreign-lock.ts';
import type { OwnEntry, Store, SyncStore } from '../store/store.ts';
import { LossWatch } from './loss-watch.ts';
import { SharedEntry } from './shared-entry.ts';
import { evictedError, type WaitOptions } from './waiting.ts';

const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 100;

export interface ForeignWaitOptions extends WaitOptions {
  isShared: boolean;
  /** The part of `timeout` that the wait in line has left. */
  restMs: () => number;
}

/**
 * Waits for the lock of other programs, for an entry of ours that holds. If the entry is evicted meanwhile, the wait ends. The entry
 * stays in line, whatever happens.
 *
 * @throws the signal's reason (rejects)
 * @throws {LockTimeoutError} (rejects) that names the lock
 * @throws {StoreError} (rejects) `EVICTED`; or if the lock cannot be used
 */
export async function foreignHeld(
  foreign: ForeignLock | null,
  store: Store,
  entry: OwnEntry,
  options: ForeignWaitOptions,
): Promise<ForeignHold | null> {
  if (foreign === null) return null;
  const { signal, isShared } = options;
  const hold = (await foreign.within(isShared, 0, signal)) ?? (await longer(foreign, store, entry, options));
  if (hold !== null && !signal?.aborted && entry.state === 'holding') return hold;
  hold?.abandon();
  signal?.throwIfAborted();
  throw reasonOf(foreign, store, entry, options);
}

async function longer(
  foreign: ForeignLock,
  store: Store,
  entry: OwnEntry,
  { signal, isShared, restMs }: ForeignWaitOptions,
): Promise<ForeignHold | null> {
  if (restMs() <= 0 || signal?.aborted) return null;
  let isOver = false;
  const watch = new LossWatch(store, new SharedEntry(entry), () => isOver);
  try {
    return await foreign.within(isShared, restMs(), signal ? AbortSignal.any([signal, watch.signal]) : watch.signal);
  } finally {
    isOver = true;
  }
}

/** The same for a caller that blocks its thread: it polls. */
export function foreignHeldSync(
  foreign: ForeignLock | null,
  sync: SyncStore,
  entry: OwnEntry,
  options: ForeignWaitOptions,
): ForeignHold | null {
  if (foreign === null) return null;
  const { isShared, restMs } = options;
  for (let ms = FIRST_POLL_MS; entry.state === 'holding'; ms = Math.min(ms * 2, LAST_POLL_MS)) {
    const hold = foreign.tryNow(isShared);
    if (hold !== null) return hold;
    const rest = restMs();
    if (rest <= 0) break;
    sync.clock.sleep(Math.min(ms * (0.5 + Math.random()), rest));
    sync.refresh(entry);
  }
  throw reasonOf(foreign, sync, entry, options);
}

function reasonOf(foreign: ForeignLock, store: Store, entry: OwnEntry, { timeout }: ForeignWaitOptions): Error {
  if (entry.state !== 'holding') return evictedError(store, entry, 'acquire');
  return new LockTimeoutError(entry.name, timeout ?? Number.POSITIVE_INFINITY, [], foreign.words);
}
