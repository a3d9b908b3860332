import fs from 'node:fs';
import path from 'node:path';
import { Lock } from 'lockstep';
import properLockfile from 'proper-lockfile';
import { nativeLock } from './native-lock.ts';

/** A lock that many processes pass on. One process never acquires it twice. */
export interface TurnLock {
  acquire(): Promise<void>;
  release(): void | Promise<void>;
  /** Where it has a connection, which a process that goes on must end. */
  close?(): unknown;
}

/** The locks from Node, by name. All processes that are given the same directory share the lock. */
export const TURN_LOCKS: Record<string, (directory: string) => Promise<TurnLock>> = {
  lockstep: async (directory) => lockstep(path.join(directory, 'store')),
  'kernel, waiting': (directory) => kernel(path.join(directory, 'kernel.lock'), false),
  'kernel, trying': (directory) => kernel(path.join(directory, 'kernel.lock'), true),
  'proper-lockfile': async (directory) => proper(path.join(directory, 'proper')),
  'lockstep on etcd': (directory) => onServer('lockstepOnEtcd', directory),
  etcd3: (directory) => onServer('etcd3Lock', directory),
  redlock: (directory) => onServer('redlock', directory),
  pg_advisory_lock: (directory) => onServer('postgresLock', directory),
};

/** Loaded where it is asked for: the others need no client of a server. */
async function onServer(
  lock: 'lockstepOnEtcd' | 'etcd3Lock' | 'redlock' | 'postgresLock',
  directory: string,
): Promise<TurnLock> {
  const locks = await import('./server-turn-locks.ts');
  return locks[lock](locks.endpointIn(directory));
}

function lockstep(store: string): TurnLock {
  const lock = new Lock('handoff', { store });
  let lease: Awaited<ReturnType<Lock['acquire']>> | undefined;
  return {
    async acquire() {
      lease = await lock.acquire();
    },
    release: () => lease?.release(),
  };
}

/** One that is tried first is granted to the process that has just released it, nearly always: nobody else is awake. */
async function kernel(file: string, triesFirst: boolean): Promise<TurnLock> {
  const native = await nativeLock();
  if (!native) throw new Error('handoff: there is no fs-native-extensions');
  const fd = fs.openSync(file, 'a+');
  return {
    async acquire() {
      if (!triesFirst || !native.tryLock(fd)) await native.waitForLock(fd);
    },
    release: () => native.unlock(fd),
  };
}

function proper(file: string): TurnLock {
  fs.writeFileSync(file, '', { flag: 'a' });
  let release: () => Promise<void>;
  return {
    async acquire() {
      release = await properLockfile.lock(file, {
        retries: { retries: 1e6, factor: 1, minTimeout: 1, maxTimeout: 10 },
      });
    },
    release: () => release(),
  };
}
