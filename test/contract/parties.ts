import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import type { Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Session } from '../../lib/session/session.ts';
import type { Store } from '../../lib/store/store.ts';
import { type MemoryStore, MemoryWorld } from '../model/memory-store.ts';

/** A store, and three parties that use it: in their eyes each other's entries are somebody else's. */
export interface Parties {
  one: Store;
  other: Store;
  third: Store;
  /** Ends a party as SIGKILL would. It must not be used from then on. */
  kill(party: Store): void;
  close(): void | Promise<void>;
}

/** Kernels know no such threads, and tests need some that are theirs alone. */
export const FIRST_TID = 2_000_000_000;

export interface DiskTraits {
  rotateBytes?: number;
  /** Each look at the monotonic clock is 100 ms later than the one before, so that nothing is spared that is spared in a hurry. */
  hasLeaps?: boolean;
}

/**
 * Three sessions of this process that take each other for threads of it. A killed one's thread is gone, as far as
 * the others can see.
 */
export function openDisk({ rotateBytes, hasLeaps = false }: DiskTraits = {}): Parties {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-contract-'));
  const gone = new Set<number>();
  const disks = new Map<Store, DiskStore>();
  const tids = new Map<Store, number>();
  const party = () => {
    const directory = openStoreDirectory(nodeHost, path.join(root, 'store'));
    const tid = FIRST_TID + disks.size;
    const host = hostOf(tid, gone, hasLeaps);
    const rotate = rotateBytes === undefined ? {} : { rotateBytes };
    const disk = new DiskStore({ host, session: new Session(host), directory, heartbeatMs: 0, ...rotate });
    const store = disk;
    disks.set(store, disk);
    tids.set(store, tid);
    return store;
  };
  const close = () => {
    // What still stood in line would be given back at exit, and that makes a deleted store again.
    for (const disk of disks.values()) endEverything(disk);
    for (const disk of disks.values()) disk.close();
    fs.rmSync(root, { recursive: true, maxRetries: 10, retryDelay: 20 });
  };
  return { one: party(), other: party(), third: party(), kill: (store) => gone.add(tids.get(store) ?? 0), close };
}

/** The real host, as a thread of its own sees it. */
export function hostOf(tid: number, gone: ReadonlySet<number>, hasLeaps: boolean): Host {
  const { files, processes, clock } = nodeHost;
  let leaptMs = 0;
  const monotonicMs = () => {
    leaptMs += 100;
    return clock.monotonicMs() + leaptMs;
  };
  return {
    // No test cuts the power, and one that rotates at every record would mostly wait for the disk.
    files: { ...files, sync: () => undefined },
    processes: {
      ...processes,
      self: () => ({ ...processes.self(), tid }),
      state: (pid, of) => (gone.has(of) ? 'gone' : processes.state(pid, pid)),
    },
    clock: hasLeaps ? { ...clock, monotonicMs } : clock,
  };
}

function endEverything(disk: DiskStore): void {
  for (const name of disk.names()) {
    for (const { ticket } of disk.snapshot(name)?.entries ?? [])
      disk.evict(name, ticket, { reason: 'over', by: 'test' });
  }
}

export function openMemory(): Parties {
  const world = new MemoryWorld();
  const [one, other, third] = [world.party(), world.party(), world.party()];
  return { one, other, third, kill: (party) => (party as MemoryStore).kill(), close: () => undefined };
}
