import { MisuseError, StoreError } from '../errors.ts';
import type { Eviction } from '../line/entry.ts';
import type { EndSignal } from '../node-types.ts';
import { checkMs, isSignal, OptionNames } from '../options/option-names.ts';
import type { OwnEntry, Store, SyncStore } from '../store/store.ts';
import { countdown } from '../time/countdown.ts';

/** How soon a wait checks whether it can ever end, and how rarely later on. */
const FIRST_CHECK_MS = 25;
const LAST_CHECK_MS = 1_000;

/** Options of every wait. */
export interface WaitOptions {
  /** How long to wait, in ms. 0: not at all. Default: no limit. */
  timeout?: number;
  /** Ends the wait, which then rejects with the signal's reason. A wait that blocks its thread takes none. */
  signal?: EndSignal | undefined;
}

/** The options of a `wait`. */
export const WAIT = new OptionNames<WaitOptions & { label?: string }>(
  'wait(…)',
  { timeout: true, signal: true, label: true },
  { number: 'timeout' },
);

/** Checks from time to time whether a wait can ever end. An error that it throws ends the wait. */
export interface Watch {
  begin(): Promise<void>;
  check(): Promise<void>;
}

export interface WaitManner {
  watch?: Watch;
  /** Ends an entry that waits or holds and that the caller gives up. Default: it leaves. */
  giveUp?: (entry: OwnEntry) => void | Promise<void>;
}

/** @throws {MisuseError} */
export function checkWait({ timeout, signal }: WaitOptions): void {
  if (signal) checkSignal(signal);
  checkMs('timeout', timeout);
}

/** Null counts as none, as for `fetch`. @throws {MisuseError} */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal === null || isSignal(signal)) return;
  const isController = isSignal((signal as { signal?: unknown }).signal);
  throw new MisuseError(`signal must be an AbortSignal${isController ? ': write controller.signal' : ''}`);
}

/** The same for a wait that blocks the thread, in which no code can run that would abort a signal. @throws {MisuseError} */
export function checkBlockingWait(options: WaitOptions): void {
  checkWait(options);
  options.signal?.throwIfAborted();
  if (options.signal)
    throw new MisuseError('a signal cannot end a wait that blocks its thread: give a timeout instead');
}

/**
 * Waits until an entry of ours holds. False if it does not within the time. Unless it holds, nothing is left in line
 * afterwards, whatever ended the wait; if it cannot be taken out (a full disk), that is tried again until it can.
 *
 * @throws the signal's reason (rejects), or what the watch throws
 * @throws {StoreError} (rejects) with `EVICTED` if another session ended the entry; or if it cannot be taken out
 */
export async function untilHolding(
  store: Store,
  entry: OwnEntry,
  options: WaitOptions,
  { watch, giveUp = (unwanted) => store.abandon(unwanted) }: WaitManner = {},
): Promise<boolean> {
  const abandon = async () => {
    if (isInLine(entry)) await giveUp(entry);
  };
  const { timeout = Number.POSITIVE_INFINITY, signal } = options;
  const restMs = countdown(store.clock, timeout);
  try {
    if (timeout > 0) await watch?.begin();
    for (const checkMs of checkTimes(watch)) {
      if (entry.state !== 'waiting' || signal?.aborted || restMs() <= 0) break;
      await store.changed(entry, { timeoutMs: Math.min(restMs(), checkMs), signal, keepAlive: true });
      if (entry.state === 'waiting') await watch?.check();
    }
    // The last look may find it granted.
    if (entry.state === 'waiting') await store.refresh(entry);
  } catch (error) {
    // Preserve the original error.
    await abandon().catch(() => undefined);
    throw error;
  }
  if (entry.state === 'holding' && !signal?.aborted) return true;
  await abandon();
  signal?.throwIfAborted();
  if (entry.state === 'lost') throw evictedError(store, entry, 'acquire');
  return false;
}

/** The same for a caller that blocks its thread. `check` is called from time to time; what it throws ends the wait. */
export function untilHoldingSync(
  sync: SyncStore,
  entry: OwnEntry,
  { timeout = Number.POSITIVE_INFINITY }: WaitOptions,
  watch: { check(): void },
): boolean {
  const restMs = countdown(sync.clock, timeout);
  for (const checkMs of checkTimes(watch)) {
    if (entry.state !== 'waiting' || restMs() <= 0) break;
    watch.check();
    sync.wait(entry, Math.min(restMs(), checkMs));
  }
  if (entry.state === 'waiting') sync.refresh(entry);
  if (entry.state === 'holding') return true;
  if (isInLine(entry)) sync.abandon(entry);
  if (entry.state === 'lost') throw evictedError(sync, entry, 'acquire');
  return false;
}

/**
 * Takes an entry of ours out of the line, if it is there. Best effort: the store goes on trying, and the caller's own
 * result or error matters more.
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
  const whose = by === 'unknown' ? '' : ` (by ${by})`;
  return new StoreError('EVICTED', `${entry.name}: taken out of the line while waiting: ${reason}${whose}.`, {
    operation,
    resource: entry.name,
    path: store.place,
  });
}

/** How long to wait from one check of a watch to the next, in ms; without a watch, for ever. */
function* checkTimes(watch: object | undefined): Generator<number, never> {
  const last = watch ? LAST_CHECK_MS : Number.POSITIVE_INFINITY;
  for (let ms = watch ? FIRST_CHECK_MS : last; ; ms = Math.min(ms * 4, last)) yield ms;
}

/** A function, because the state changes between two looks, which the compiler would not believe. */
function isInLine(entry: OwnEntry): boolean {
  return entry.state === 'waiting' || entry.state === 'holding';
}
