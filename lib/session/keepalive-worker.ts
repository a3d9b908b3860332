import { parentPort, workerData } from 'node:worker_threads';
import lockfile from 'proper-lockfile';
import type { KeepaliveOrder } from './keepalive.ts';
import { keepaliveFiles } from './keepalive-files.ts';

// The thread behind `Keepalive`. It only refreshes: other sessions judge.

const { beatMs } = workerData as { beatMs: number };
/** proper-lockfile's own bound, after which it calls its lock compromised. */
const STALE_MS = Math.max(6 * beatMs, 2_000);
const AGAIN_MS = 1_000;
const kept = new Map<string, ReturnType<typeof keepaliveFiles>>();

async function keep(path: string): Promise<void> {
  const fs = kept.get(path);
  if (!fs) return;
  try {
    await lockfile.lock(path, {
      realpath: false,
      update: beatMs,
      stale: STALE_MS,
      onCompromised: () => missed(path),
      fs,
    });
  } catch {
    // The directory of an earlier keepalive is still there, or a link has the place of the sessions' directory, or the
    // disk does not answer: it is tried again.
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

parentPort?.on('message', ({ do: order, path, sessions }: KeepaliveOrder) => {
  if (order === 'keep') {
    kept.set(path, keepaliveFiles(sessions));
    void keep(path);
    return;
  }
  const fs = kept.get(path);
  if (kept.delete(path)) lockfile.unlock(path, { realpath: false, fs }).catch(() => undefined);
});
