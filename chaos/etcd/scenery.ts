import { PASSING_LOCKS, type Section } from '../scenery.ts';

/** Locks in which a holder stays for about as long as a lease lasts: so some are in when it is cut off or stopped. */
export const LONG_LOCKS = ['long.a', 'long.b', 'long.c'] as const;

/** In the order in which a process takes several of them. */
export const ETCD_SECTIONS: readonly [Section, ...Section[]] = [
  { name: 'lock.a', kind: 'lock', permits: 1 },
  { name: 'lock.b', kind: 'lock', permits: 1 },
  { name: 'lock/ü~.c', kind: 'lock', permits: 1 },
  ...PASSING_LOCKS.map((name) => ({ name, kind: 'lock', permits: 1 }) as const),
  ...LONG_LOCKS.map((name) => ({ name, kind: 'lock', permits: 1 }) as const),
  { name: 'semaphore.3', kind: 'semaphore', permits: 3 },
  { name: 'rwlock.a', kind: 'rwlock', permits: 1 },
];

export const DOCUMENT = 'document.json';
export const QUEUE = 'todo';
/** The trace of what was finished of it. */
export const FINISHED = 'todo.finished';
/** The prefix of the store. */
export const PREFIX = 'chaos';

export const isLong = ({ name }: Section): boolean => (LONG_LOCKS as readonly string[]).includes(name);
