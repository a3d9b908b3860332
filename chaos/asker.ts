import { type Lease, Lock, RWLock, Semaphore, type Store } from 'lockstep';
import type { Random } from './random.ts';
import type { Section } from './scenery.ts';

interface Waits {
  timeout?: number;
  signal?: AbortSignal;
}

/** One way to request one section, of any kind. */
export interface Asker {
  /** The permits that its witness records: 0 for a reader. */
  ask: number;
  acquire(options?: Waits): Promise<Lease>;
  acquireSync(options?: Waits): Lease;
  tryAcquire(): Promise<Lease | null>;
  scoped(work: (lease: Lease) => Promise<void>): Promise<void>;
}

export function askerFor({ name, kind, permits }: Section, store: Store, random: Random): Asker {
  if (kind === 'semaphore') return ofSemaphore(new Semaphore(name, permits, { store }), random.whole(1, permits));
  if (kind === 'rwlock') return ofMode(new RWLock(name, { store }), random.chance(0.7) ? 'shared' : 'exclusive');
  const lock = new Lock(name, { store });
  return {
    ask: 1,
    acquire: (options) => lock.acquire(options),
    acquireSync: (options) => lock.acquireSync(options),
    tryAcquire: () => lock.tryAcquire(),
    scoped: (work) => lock.withLock(work),
  };
}

function ofSemaphore(semaphore: Semaphore, permits: number): Asker {
  return {
    ask: permits,
    acquire: (options) => semaphore.acquire({ ...options, permits }),
    acquireSync: (options) => semaphore.acquireSync({ ...options, permits }),
    tryAcquire: () => semaphore.tryAcquire({ permits }),
    scoped: (work) => semaphore.withPermits(work, { permits }),
  };
}

function ofMode(lock: RWLock, mode: 'shared' | 'exclusive'): Asker {
  return {
    ask: mode === 'shared' ? 0 : 1,
    acquire: (options) => lock.acquire({ ...options, mode }),
    acquireSync: (options) => lock.acquireSync({ ...options, mode }),
    tryAcquire: () => lock.tryAcquire({ mode }),
    scoped: (work) => lock.withLock(work, { mode }),
  };
}
