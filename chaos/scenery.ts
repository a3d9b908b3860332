import path from 'node:path';

/** What there is to coordinate about, the same in every process. */

export interface Section {
  name: string;
  kind: 'lock' | 'semaphore' | 'rwlock';
  /** How many permits there are. Readers of a reader/writer lock take none, and are counted apart. */
  permits: number;
}

/** In the order in which one who needs several takes them: so there is no deadlock to be told. */
export const LOCKS = ['lock.a', 'lock.b', 'lock.c', 'lock.d', 'lock.e', 'lock/ü~.f'] as const;
export const SEMAPHORES = { 'semaphore.4': 4, 'semaphore.2': 2, 'semaphore.8': 8 } as const;
export const RWLOCKS = ['rwlock.a', 'rwlock.b'] as const;
export const COUNTERS = ['counter'] as const;
export const JSON_FILES = ['one.json', 'two.json'] as const;
export const EVENT = 'event';
export const BARRIER = 'barrier';
export const PARTIES = 3;

export const SECTIONS: readonly Section[] = [
  ...LOCKS.map((name) => ({ name, kind: 'lock', permits: 1 }) as const),
  ...Object.entries(SEMAPHORES).map(([name, permits]) => ({ name, kind: 'semaphore', permits }) as const),
  ...RWLOCKS.map((name) => ({ name, kind: 'rwlock', permits: 1 }) as const),
];

/** Journals are rotated after some ten records. */
export const ROTATE_BYTES = 1_500;
/** Heartbeats and patience are short, so that a stopped process is silent for longer than that. */
export const HEARTBEAT_MS = 300;
export const PATIENCE_MS = 1_000;

/** The places in the directory of one run. Only `disk` fills up; what the detectors write must not be lost. */
export class Ground {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get disk(): string {
    return path.join(this.root, 'disk');
  }

  get store(): string {
    return path.join(this.disk, 'store');
  }

  get ballast(): string {
    return path.join(this.disk, 'ballast');
  }

  get witness(): string {
    return path.join(this.root, 'witness');
  }

  json(name: string): string {
    return path.join(this.disk, name);
  }

  /** Where the traces of one resource's use are. */
  traces(name: string): string {
    return path.join(this.witness, encodeURIComponent(name));
  }
}
