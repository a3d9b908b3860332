import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HAS_POSTGRES, PostgresServer } from '../test/support/postgres-server.ts';
import { HAS_REDIS, RedisServer } from '../test/support/redis-server.ts';
import { calls } from './calls.ts';
import { type Crowd, compete, nodeCrowd, type Turns } from './crowd.ts';
import { effort } from './effort.ts';
import { ourClient } from './etcd-peers.ts';
import { type Contestant, interleave } from './interleave.ts';
import { percentile } from './median.ts';
import { ENDPOINT_FILE, etcd3Lock, lockstepOnEtcd, postgresLock, redlock } from './peers/server-turn-locks.ts';
import type { TurnLock } from './peers/turn-lock.ts';
import { atMost, type Row, rowOf, type Section, skipped } from './section.ts';
import { type Server, startEtcd } from './server.ts';

const BATCHES = effort(60, 1);
const CYCLES = effort(10, 1);
const PROCESSES = effort(8, 2);
const WINDOWS = effort(5, 1);
const WINDOW_MS = effort(1_500, 200);
const UNMEASURED_MS = effort(2_000, 100);
const STARTS = effort(40, 1);

const BARE = 'a bare put and delete';
const OURS = 'lockstep';
const ETCD3 = 'etcd3 Lock';
const REDLOCK = 'redlock, on one Redis';
const POSTGRES = 'pg_advisory_lock';
const ALONE = 'acquire + release, uncontended';
const CROWD = `a turn of ${PROCESSES} processes`;
const START = 'lockstep run x -- true, a whole call';
const ON_FILES = 'on files';
const ON_ETCD = 'on etcd';
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A lock on a server. */
interface Peer {
  name: string;
  /** Of `TURN_LOCKS`. */
  kind: string;
  /** `host:port`, or a URL. */
  endpoint: string;
  lock: (endpoint: string) => TurnLock | Promise<TurnLock>;
}

/** Locks on a real etcd, beside the least that a lock there can cost, and beside the locks on servers that are used most. */
export async function etcdLocks(directory: string): Promise<Section> {
  const title = `locks on servers, each of one member (${BATCHES} batches of ${CYCLES}; ${WINDOWS} windows of ${WINDOW_MS} ms; ${STARTS} starts)`;
  const etcd = await startEtcd(`${directory}/etcd`);
  if (etcd === null) return skipped('etcd-locks', title, 'there is no etcd here (Debian: etcd-server).');
  const redis = HAS_REDIS ? await RedisServer.start({ directory: `${directory}/redis` }) : null;
  const postgres = HAS_POSTGRES ? await PostgresServer.start() : null;
  try {
    const peers = peersOn(etcd, redis, postgres);
    const alone = await measuredAlone(etcd.endpoint, peers);
    const crowd = await measuredCrowd(peers, directory);
    const starts = measuredStarts(etcd.endpoint, directory);
    const of = (rows: readonly Row[], name: string) => rows.find((row) => row.name === name)?.median ?? Number.NaN;
    return {
      name: 'etcd-locks',
      title,
      base: 'the first',
      rows: [...alone, ...crowd, ...starts],
      absent: [redis ? '' : 'redlock (Debian: redis-server)', postgres ? '' : 'PostgreSQL (postgresql)'].filter(
        Boolean,
      ),
      notes: [
        'The locks of etcd3 and redlock refuse; who wants one tries again after 1 to 11 ms. All others wait in line.',
        'etcd and Redis have each change on their disk before they answer; a lock of PostgreSQL is only in memory. Neither redlock nor PostgreSQL has tokens.',
        'Every count was exact: the number in the file is the sum of all turns.',
      ],
      targets: [
        atMost('lockstep, acquire + release, to a bare put and delete', 1.5, of(alone, OURS) / of(alone, BARE)),
        atMost(`lockstep, ${CROWD}, to etcd3’s Lock`, 0.5, of(crowd, OURS) / of(crowd, ETCD3)),
        atMost('lockstep run on etcd, beyond one on files', 15, of(starts, ON_ETCD) - of(starts, ON_FILES), 'ms'),
      ],
    };
  } finally {
    for (const server of [etcd, redis, postgres]) await server?.stop();
  }
}

function peersOn(etcd: Server, redis: RedisServer | null, postgres: PostgresServer | null): Peer[] {
  const { endpoint } = etcd;
  const peers: Peer[] = [
    { name: OURS, kind: 'lockstep on etcd', endpoint, lock: lockstepOnEtcd },
    { name: ETCD3, kind: 'etcd3', endpoint, lock: etcd3Lock },
  ];
  if (redis) peers.push({ name: REDLOCK, kind: 'redlock', endpoint: redis.url, lock: redlock });
  if (postgres) peers.push({ name: POSTGRES, kind: 'pg_advisory_lock', endpoint: postgres.url, lock: postgresLock });
  return peers;
}

async function measuredAlone(etcd: string, peers: readonly Peer[]): Promise<Row[]> {
  const client = ourClient(etcd);
  await client.put('begin', '');
  const bare: Contestant = {
    name: BARE,
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await client.put('bench/bare', 'value');
        await client.delete('bench/bare');
        lap();
      }
    },
  };
  const locks = await Promise.all(peers.map(async ({ lock, endpoint }) => lock(endpoint)));
  const contestants = [bare, ...locks.map((lock, at) => turns(peers[at]?.name ?? '', lock))];
  const times = await interleave(contestants, { batches: BATCHES, cycles: CYCLES });
  client.close();
  for (const lock of locks) await lock.close?.();
  const base = times(BARE).batches;
  return contestants.map(({ name }) =>
    rowOf(name, times(name).batches, { group: ALONE, base, single: times(name).cycles }),
  );
}

function turns(name: string, lock: TurnLock): Contestant {
  return {
    name,
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await lock.acquire();
        await lock.release();
        lap();
      }
    },
  };
}

async function measuredCrowd(peers: readonly Peer[], directory: string): Promise<Row[]> {
  const crowds: Array<{ name: string; crowd: Crowd; windows: Turns[][] }> = [];
  try {
    for (const { name, kind, endpoint } of peers) {
      const place = path.join(directory, kind);
      fs.mkdirSync(place, { recursive: true, mode: 0o700 });
      fs.writeFileSync(path.join(place, ENDPOINT_FILE), endpoint);
      crowds.push({ name, crowd: await nodeCrowd(kind, PROCESSES, place), windows: [] });
    }
    for (const { crowd } of crowds) await compete(crowd, UNMEASURED_MS);
    for (let window = 0; window < WINDOWS; window++)
      for (const { crowd, windows } of crowds) windows.push(await compete(crowd, WINDOW_MS));
  } finally {
    for (const { crowd } of crowds) await crowd.end();
  }
  const base = crowds[0]?.windows.map(msOfTurn) ?? [];
  return crowds.map(({ name, windows }) => {
    const waits = windows.flatMap((window) => window.flatMap((one) => one.waits));
    const more = { 'longest wait': { value: percentile(waits, 100), unit: 'ms' as const } };
    return rowOf(name, windows.map(msOfTurn), { group: CROWD, base, single: waits, more });
  });
}

function msOfTurn(window: readonly Turns[]): number {
  return (
    WINDOW_MS /
    Math.max(
      1,
      window.reduce((sum, { own }) => sum + own, 0),
    )
  );
}

function measuredStarts(endpoint: string, directory: string): Row[] {
  const call = (name: string, store: string) => ({
    name,
    file: process.execPath,
    args: [MAIN, 'run', 'x', '--store', store, '--', 'true'],
  });
  const programs = [call(ON_FILES, path.join(directory, 'store')), call(ON_ETCD, `etcd://${endpoint}/starts`)];
  const spent = calls(programs, STARTS);
  const wall = (name: string) => spent.get(name)?.wall ?? [];
  return programs.map(({ name }) =>
    rowOf(name, wall(name), { group: START, base: wall(ON_FILES), single: wall(name) }),
  );
}
