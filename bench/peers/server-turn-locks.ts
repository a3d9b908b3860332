import fs from 'node:fs';
import { Etcd3, EtcdLockFailedError } from 'etcd3';
import { Redis } from 'ioredis';
import { Lock, openStore } from 'lockstep';
import pg from 'pg';
import Redlock from 'redlock';
import type { TurnLock } from './turn-lock.ts';

/** The file in a crowd's directory that has the endpoint. */
export const ENDPOINT_FILE = 'endpoint';
/** How long a program waits that is refused: the package has no queue. */
const RETRY_MS = 10;
/** PostgreSQL's code of that, and how long it may last. */
const STARTING_UP = '57P03';
const START_MS = 30_000;

/** Lockstep's lock on etcd. */
export function lockstepOnEtcd(endpoint: string): TurnLock {
  const store = openStore(`etcd://${endpoint}/bench`);
  const lock = new Lock('handoff', { store });
  let lease: Awaited<ReturnType<Lock['acquire']>> | undefined;
  return {
    async acquire() {
      lease = await lock.acquire();
    },
    release: () => lease?.release(),
    close: () => store.close(),
  };
}

/** The lock of the package etcd3: it refuses, and its caller tries again. */
export function etcd3Lock(endpoint: string): TurnLock {
  const client = new Etcd3({ hosts: `http://${endpoint}` });
  let held: ReturnType<Etcd3['lock']> | undefined;
  return {
    async acquire() {
      for (;;) {
        const lock = client.lock('bench-etcd3').ttl(15);
        try {
          held = await lock.acquire();
          return;
        } catch (error) {
          if (!(error instanceof EtcdLockFailedError)) throw error;
          await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * RETRY_MS));
        }
      }
    },
    async release() {
      await held?.release();
    },
    close: () => client.close(),
  };
}

/** It has no queue either: it tries again by itself, after a time that we choose as for etcd3. */
export function redlock(url: string): TurnLock {
  const client = new Redis(url);
  // Its types know the clients of its time. This one takes the same words.
  const locks = new Redlock([client as unknown as Redlock.CompatibleRedisClient], {
    retryCount: -1,
    retryDelay: RETRY_MS / 2,
    retryJitter: RETRY_MS / 2,
  });
  let held: Redlock.Lock | undefined;
  return {
    async acquire() {
      held = await locks.lock('bench-redlock', 15_000);
    },
    async release() {
      await held?.unlock();
    },
    close: () => client.disconnect(),
  };
}

/** The lock of a session: it ends with the connection, and has neither a token nor a name of its holder. */
export async function postgresLock(url: string): Promise<TurnLock> {
  const client = await connected(url);
  return {
    async acquire() {
      await client.query('SELECT pg_advisory_lock(1)');
    },
    async release() {
      await client.query('SELECT pg_advisory_unlock(1)');
    },
    close: () => client.end(),
  };
}

/** It takes connections some time before it answers. */
async function connected(url: string): Promise<pg.Client> {
  for (const deadline = performance.now() + START_MS; ; ) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if ((error as { code?: string }).code !== STARTING_UP || performance.now() > deadline) throw error;
    }
  }
}

export function endpointIn(directory: string): string {
  // A crowd's warm-up has directories of its own within it.
  const place = [directory, `${directory}/..`].find((one) => fs.existsSync(`${one}/${ENDPOINT_FILE}`));
  return fs.readFileSync(`${place}/${ENDPOINT_FILE}`, 'utf8');
}
