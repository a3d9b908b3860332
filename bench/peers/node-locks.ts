import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import lockfile from 'lockfile';
import properLockfile from 'proper-lockfile';
import type { Contestant } from '../interleave.ts';
import { NATIVE_ABSENT, nativeLock } from './native-lock.ts';

/** They take a hundred times as long as the others. */
const SLOW_CYCLES = 10;

export interface Peers {
  contestants: Contestant[];
  /** Those that are not installed here. */
  absent: string[];
}

/** The kernel's lock, through a native addon: asked at once, and waited for in a thread. */
export async function nativePeers(directory: string): Promise<Peers> {
  const native = await nativeLock();
  if (!native) return { contestants: [], absent: [NATIVE_ABSENT] };
  const fd = fs.openSync(path.join(directory, 'native'), 'w+');
  const tryLock: Contestant = {
    name: 'fs-native-extensions tryLock, unlock',
    batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        native.tryLock(fd);
        native.unlock(fd);
        lap();
      }
    },
  };
  const waitForLock: Contestant = {
    name: 'fs-native-extensions waitForLock, unlock',
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await native.waitForLock(fd);
        native.unlock(fd);
        lap();
      }
    },
  };
  return { contestants: [tryLock, waitForLock], absent: [] };
}

export function properLockfilePeers(directory: string): Contestant[] {
  const [file, fileSync] = ['proper', 'proper-sync'].map((name) => path.join(directory, name)) as [string, string];
  for (const each of [file, fileSync]) fs.writeFileSync(each, '');
  const asynchronous: Contestant = {
    name: 'proper-lockfile lock, unlock',
    cycles: SLOW_CYCLES,
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await properLockfile.lock(file);
        await properLockfile.unlock(file);
        lap();
      }
    },
  };
  const synchronous: Contestant = {
    name: 'proper-lockfile lockSync, unlockSync',
    cycles: SLOW_CYCLES,
    batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        properLockfile.lockSync(fileSync);
        properLockfile.unlockSync(fileSync);
        lap();
      }
    },
  };
  return [asynchronous, synchronous];
}

export function lockfilePeer(directory: string): Contestant {
  const file = path.join(directory, 'lockfile');
  const lock = promisify<string, void>(lockfile.lock);
  const unlock = promisify(lockfile.unlock);
  return {
    name: 'lockfile lock, unlock',
    cycles: SLOW_CYCLES,
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await lock(file);
        await unlock(file);
        lap();
      }
    },
  };
}
