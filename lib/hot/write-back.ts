import { LeaseLostError, StoreError } from '../errors.ts';
import type { Lease } from '../primitives/lease.ts';
import type { Lock } from '../primitives/lock.ts';
import type { BackState } from './back.ts';
import type { BackWriter } from './back-writer.ts';
import { pause } from './bounded.ts';

export interface WriteBackLoop {
  everyMs: number;
  until: AbortSignal;
  onWritten?: (state: BackState) => void;
  onTrouble?: (error: Error) => void;
}

const LONGEST_PAUSE_MS = 5_000;
/** Of the last write: a user who ends a program does not wait for a database that is away. */
const LAST_MS = 5_000;

/** The failures that may pass with time. All others need a person. */
const PASSING = ['UNREACHABLE', 'UNSURE'];

/** Holds the lock of the writers, and writes, until the signal aborts. */
export async function writeBack(writer: BackWriter, lock: Lock, loop: WriteBackLoop): Promise<void> {
  const { until } = loop;
  while (!until.aborted) {
    const lease = await acquired(lock, until);
    if (lease === null) return;
    try {
      await writeUnder(lease, writer, loop);
    } catch (error) {
      // It was evicted, perhaps while it stood still. It stands in line again.
      if (!isOvertaken(error) || (await isHeld(lease))) throw error;
      loop.onTrouble?.(error as Error);
    } finally {
      await lease.release().catch(() => undefined);
    }
  }
}

async function acquired(lock: Lock, signal: AbortSignal): Promise<Lease | null> {
  try {
    return await lock.acquire({ signal, label: 'writes back' });
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

async function writeUnder(lease: Lease, writer: BackWriter, loop: WriteBackLoop): Promise<void> {
  const { everyMs, until, onWritten, onTrouble } = loop;
  const ends = AbortSignal.any([until, lease.signal]);
  for (let failures = 0; !ends.aborted; ) {
    try {
      await writer.write(lease, { onWritten, signal: lease.signal });
      failures = 0;
    } catch (error) {
      if (!isPassing(error)) throw error;
      failures += 1;
      onTrouble?.(error as Error);
    }
    await pause(failures === 0 ? everyMs : Math.min(100 * 2 ** failures, LONGEST_PAUSE_MS), ends);
  }
  if (lease.held) await writer.write(lease, { onWritten, timeout: LAST_MS });
}

async function isHeld(lease: Lease): Promise<boolean> {
  try {
    await lease.assertHeld();
    return true;
  } catch {
    return false;
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof StoreError && PASSING.includes(error.code);
}

function isOvertaken(error: unknown): boolean {
  return error instanceof LeaseLostError || (error instanceof StoreError && error.code === 'HOT_FENCED');
}
