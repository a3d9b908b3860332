import path from 'node:path';

/** The resources that the processes use, the same in every process. */

export interface Section {
  name: string;
  kind: 'lock' | 'semaphore' | 'rwlock';
  /** The number of permits. Readers of a reader/writer lock take none, and are counted separately. */
  permits: number;
}

/** In the order in which a process takes several of them, so that no deadlock is possible. */
export const LOCKS = ['lock.a', 'lock.b', 'lock.c', 'lock.d', 'lock.e', 'lock/ü~.f'] as const;
export const SEMAPHORES = { 'semaphore.4': 4, 'semaphore.2': 2, 'semaphore.8': 8 } as const;
/** Locks that are forgotten whenever nobody uses them. */
export const PASSING_LOCKS = ['passing.a', 'passing.b'] as const;
export const RWLOCKS = ['rwlock.a', 'rwlock.b'] as const;
export const COUNTERS = ['counter'] as const;
export const JSON_FILES = ['one.json', 'two.json'] as const;
export const EVENT = 'event';
export const BARRIER = 'barrier';
export const PARTIES = 3;

export const SECTIONS: readonly Section[] = [
  ...[...LOCKS, ...PASSING_LOCKS].map((name) => ({ name, kind: 'lock', permits: 1 }) as const),
  ...Object.entries(SEMAPHORES).map(([name, permits]) => ({ name, kind: 'semaphore', permits }) as const),
  ...RWLOCKS.map((name) => ({ name, kind: 'rwlock', permits: 1 }) as const),
];

/** So that journals rotate after about ten records. */
export const ROTATE_BYTES = 1_500;
/** Keepalives and patience are short, so that a process can be stopped for longer. */
export const HEARTBEAT_MS = 300;
export const PATIENCE_MS = 1_000;

/** The paths in the directory of one run. Only `disk` fills up, because the detectors' files must not be lost. */
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

  /** Where containers see the processes outside. */
  get proc(): string {
    return path.join(this.root, 'proc');
  }

  get boot(): string {
    return path.join(this.root, 'boot');
  }

  json(name: string): string {
    return path.join(this.disk, name);
  }

  /** The directory of one resource's traces. */
  traces(name: string): string {
    return path.join(this.witness, encodeURIComponent(name));
  }
}
