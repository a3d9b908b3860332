import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import lockfile from 'proper-lockfile';
import type { HeartbeatOrder } from './heartbeat.ts';

// The thread behind `Heartbeat`. It only ever beats: who is dead is decided by those who watch.

const { beatMs } = workerData as { beatMs: number };
/** proper-lockfile's own bound, after which it calls its lock compromised. */
const STALE_MS = Math.max(6 * beatMs, 2_000);
const AGAIN_MS = 1_000;
const kept = new Set<string>();

async function keep(path: string): Promise<void> {
  if (!kept.has(path)) return;
  try {
    // Where a symbolic link has the place of the directory, the heart would beat elsewhere.
    if (!lstatSync(dirname(path)).isDirectory()) return again(path);
    await lockfile.lock(path, { realpath: false, update: beatMs, stale: STALE_MS, onCompromised: () => missed(path) });
  } catch {
    // The directory of an earlier beat is still there, or the disk does not answer: the next try tells.
    again(path);
  }
}

function missed(path: string): void {
  parentPort?.postMessage(path);
  again(path);
}

function again(path: string): void {
  setTimeout(() => void keep(path), AGAIN_MS);
}

parentPort?.on('message', ({ do: order, path }: HeartbeatOrder) => {
  if (order === 'keep') {
    kept.add(path);
    void keep(path);
  } else if (kept.delete(path)) {
    lockfile.unlock(path, { realpath: false }).catch(() => undefined);
  }
});
