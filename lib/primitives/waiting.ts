import { MisuseError, StoreError } from '../errors.ts';
import type { Eviction } from '../line/line.ts';
import type { OwnEntry, Store, SyncStore } from '../store/store.ts';

/** `setTimeout` takes no longer one; waits that are meant to last longer go round again. */
const MAX_WAIT_MS = 2 ** 31 - 1;
/** How soon a wait looks whether it can ever end, and how rarely later on. */
const FIRST_CHECK_MS = 25;
const LAST_CHECK_MS = 1_000;

/** Options of every wait. */
export interface WaitOptions {
  /** How long to wait, in ms. 0: not at all. Default: no limit. */
  timeout?: number;
  /** Ends the wait, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Looks from time to time whether a wait can ever end. What it throws ends the wait. */
export interface Watch {
  begin(): Promise<void>;
  check(): Promise<void>;
}

export interface WaitManner {
  watch?: Watch;
  /** Ends an entry that waits or holds and that nobody wants any more. Default: it leaves. */
  giveUp?: (entry: OwnEntry) => void | Promise<void>;
}

/** @throws {MisuseError} */
export function checkWait({ timeout }: WaitOptions): void {
  if (timeout === undefined || (typeof timeout === 'number' && timeout >= 0)) return;
  throw new MisuseError(`timeout must be a number of milliseconds from 0 up, not ${String(timeout)}`);
}

/**
 * Waits until an entry of ours holds. False if it does not within the time. Unless it holds, nothing is left in line
 * afterwards, whatever ended the wait; if it cannot be taken out (a full disk), that is tried again until it can.
 *
 * @throws the signal's reason (rejects), or what the watch throws
 * @throws {StoreError} (rejects) with `EVICTED` if somebody else ended the entry; or if it cannot be taken out
 */
export async function untilHolding(
  store: Store,
  entry: OwnEntry,
  options: WaitOptions,
  { watch, giveUp = (unwanted) => store.abandon(unwanted) }: WaitManner = {},
): Promise<boolean> {
  const abandon = async () => {
    if (entry.state === 'waiting' || entry.state === 'holding') await giveUp(entry);
  };
  try {
    await waitFor(store, entry, options, watch);
    // The last look may find it granted.
    if (entry.state === 'waiting') await store.refresh(entry);
  } catch (error) {
    // What ended the wait is what its caller must hear of, not what follows from it.
    await abandon().catch(() => undefined);
    throw error;
  }
  const { signal } = options;
  if (entry.state === 'holding' && !signal?.aborted) return true;
  await abandon();
  signal?.throwIfAborted();
  if (entry.state === 'lost') throw evictedError(store, entry, 'acquire');
  return false;
}

async function waitFor(
  store: Store,
  entry: OwnEntry,
  { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions,
  watch: Watch | undefined,
): Promise<void> {
  const deadline = performance.now() + timeout;
  const times = checkTimes();
  let mostMs = watch ? times.next().value : MAX_WAIT_MS;
  if (timeout > 0) await watch?.begin();
  while (entry.state === 'waiting' && !signal?.aborted) {
    const restMs = deadline - performance.now();
    if (restMs <= 0) return;
    await store.changed(entry, { timeoutMs: Math.min(restMs, mostMs), signal, keepAlive: true });
    if (!watch || entry.state !== 'waiting') continue;
    await watch.check();
    mostMs = times.next().value;
  }
}

/**
 * Takes an entry of ours out of the line, if it is there. Best effort: what cannot be written now the store owes, and
 * whatever the caller rejects or resolves with is worth more than that.
 */
export async function abandonQuietly(store: Store, entry: OwnEntry, passOn?: Eviction): Promise<void> {
  try {
    await store.abandon(entry, passOn);
  } catch {
    // It is tried again.
  }
}

/** The same at once. */
export function abandonQuietlySync(sync: SyncStore, entry: OwnEntry): void {
  try {
    sync.abandon(entry);
  } catch {
    // It is tried again.
  }
}

export function evictedError(store: Store, entry: OwnEntry, operation: string): StoreError {
  const { reason, by } = entry.eviction ?? { reason: 'evicted', by: 'unknown' };
  const says = by === 'unknown' ? '' : `, says ${by}`;
  return new StoreError('EVICTED', `${entry.name}: taken out of the line while waiting: ${reason}${says}.`, {
    operation,
    resource: entry.name,
    path: store.place,
  });
}

/** How long to wait from one such look to the next. */
export function* checkTimes(): Generator<number, never> {
  for (let ms = FIRST_CHECK_MS; ; ms = Math.min(ms * 4, LAST_CHECK_MS)) yield ms;
}
