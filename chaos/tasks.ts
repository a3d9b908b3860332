import { openStore, type Store } from 'lockstep';
import { attempt } from './attempt.ts';
import { Meetings } from './meetings.ts';
import type { Random } from './random.ts';
import { type Ground, HEARTBEAT_MS, PASSING_LOCKS, PATIENCE_MS, ROTATE_BYTES } from './scenery.ts';
import { Updates } from './updates.ts';
import { Visits } from './visits.ts';
import type { Breakable, Report } from './worker-setup.ts';

/** The relative frequency of each task. */
const WEIGHTS = {
  lock: 30,
  nested: 8,
  semaphore: 20,
  rwlock: 20,
  json: 10,
  counter: 8,
  event: 2,
  barrier: 2,
  forget: 30,
};
export type Task = keyof typeof WEIGHTS;

/** The task that breaks a rule, where the two have different names. */
const TASK_OF: Partial<Record<Breakable, Task>> = { release: 'lock', replace: 'json' };
/** The frequency of a task that breaks a rule, so that it is detected within seconds. */
const BROKEN_WEIGHT = 300;
const AGAIN_MS = 10;

export interface TasksOptions {
  ground: Ground;
  /** Its directory. */
  place: string;
  random: Random;
  breaks: Breakable | null;
  report: Report;
}

/** What a worker does. */
export interface Chores {
  choose(): string;
  /** Never rejects: errors are reported. */
  run(task: string): Promise<void>;
  /** Before the process ends of a signal: it is inside nothing from now on. */
  vanish(): void;
}

/** Everything that a process of the crowd may do. */
export class Tasks implements Chores {
  readonly #random: Random;
  readonly #weights: Record<Task, number>;
  readonly #report: Report;
  readonly #store: Store;
  readonly #visits: Visits;
  readonly #doing: Record<Task, () => Promise<void>>;

  constructor({ ground, place, random, breaks, report }: TasksOptions) {
    this.#random = random;
    const broken = breaks && (TASK_OF[breaks] ?? breaks);
    this.#weights = broken ? { ...WEIGHTS, [broken]: BROKEN_WEIGHT } : WEIGHTS;
    this.#report = report;
    const options = { rotateBytes: ROTATE_BYTES, heartbeatMs: HEARTBEAT_MS, patienceMs: PATIENCE_MS };
    const store = openStore(place, options);
    this.#store = store;
    const visits = new Visits({ ground, store, random, breaks, report });
    const updates = new Updates({ ground, store, random, breaks });
    this.#visits = visits;
    const meetings = new Meetings(ground, store, random);
    this.#doing = {
      lock: () => visits.visit('lock'),
      nested: () => visits.visitTwo(),
      semaphore: () => visits.visit('semaphore'),
      rwlock: () => visits.visit('rwlock'),
      json: () => updates.json(),
      counter: () => updates.count(),
      event: () => meetings.signal(),
      barrier: () => meetings.meet(),
      forget: () => this.#forget(),
    };
  }

  choose(): Task {
    return this.#random.weighted(this.#weights);
  }

  run(task: string): Promise<void> {
    return attempt(task, this.#doing[task as Task], this.#report, AGAIN_MS);
  }

  vanish(): void {
    this.#visits.vanish();
  }

  async #forget(): Promise<void> {
    const outcome = await this.#store.forget(this.#random.pick(PASSING_LOCKS));
    if (outcome === 'forgotten') this.#report({ is: 'forgotten' });
  }
}
