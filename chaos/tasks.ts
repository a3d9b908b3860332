import { setTimeout as delay } from 'node:timers/promises';
import { Barrier, Event, openStore, type Store } from 'lockstep';
import { nowMs, ownLife } from './life.ts';
import type { Random } from './random.ts';
import { describe, refusalOf } from './refusal.ts';
import {
  BARRIER,
  EVENT,
  type Ground,
  HEARTBEAT_MS,
  PARTIES,
  PASSING_LOCKS,
  PATIENCE_MS,
  ROTATE_BYTES,
} from './scenery.ts';
import { Trace } from './trace.ts';
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
const EVENT_WAIT_MS = 100;
const MEET_MS = 400;

export interface TasksOptions {
  ground: Ground;
  random: Random;
  breaks: Breakable | null;
  report: Report;
}

/** Everything that a process of the crowd may do. */
export class Tasks {
  readonly #random: Random;
  readonly #weights: Record<Task, number>;
  readonly #report: Report;
  readonly #store: Store;
  readonly #visits: Visits;
  readonly #event: Event;
  readonly #barrier: Barrier;
  readonly #meetings: Trace;
  readonly #self = ownLife();
  readonly #doing: Record<Task, () => Promise<void>>;

  constructor({ ground, random, breaks, report }: TasksOptions) {
    this.#random = random;
    const broken = breaks && (TASK_OF[breaks] ?? breaks);
    this.#weights = broken ? { ...WEIGHTS, [broken]: BROKEN_WEIGHT } : WEIGHTS;
    this.#report = report;
    const options = { rotateBytes: ROTATE_BYTES, heartbeatMs: HEARTBEAT_MS, patienceMs: PATIENCE_MS };
    const store = openStore(ground.store, options);
    this.#store = store;
    const visits = new Visits({ ground, store, random, breaks, report });
    const updates = new Updates({ ground, store, random, breaks });
    this.#visits = visits;
    this.#event = new Event(EVENT, { store });
    this.#barrier = new Barrier(BARRIER, PARTIES, { store });
    this.#meetings = new Trace(ground.traces(BARRIER));
    this.#doing = {
      lock: () => visits.visit('lock'),
      nested: () => visits.visitTwo(),
      semaphore: () => visits.visit('semaphore'),
      rwlock: () => visits.visit('rwlock'),
      json: () => updates.json(),
      counter: () => updates.count(),
      event: () => this.#signal(),
      barrier: () => this.#meet(),
      forget: () => this.#forget(),
    };
  }

  choose(): Task {
    return this.#random.weighted(this.#weights);
  }

  /** Never rejects: errors are reported. */
  async run(task: Task): Promise<void> {
    try {
      await this.#doing[task]();
    } catch (error) {
      this.#judge(task, error);
      await delay(AGAIN_MS);
    }
  }

  vanish(): void {
    this.#visits.vanish();
  }

  #judge(task: Task, error: unknown): void {
    const code = refusalOf(error);
    if (code === null) this.#report({ is: 'wrong', what: `${task}: ${describe(error)}` });
    else this.#report({ is: 'refused', code, atMs: nowMs(), message: String(error) });
  }

  async #signal(): Promise<void> {
    const what = this.#random.weighted({ set: 2, clear: 1, wait: 3 });
    if (what === 'wait') await this.#event.wait({ timeout: EVENT_WAIT_MS });
    else await this.#event[what]();
  }

  async #forget(): Promise<void> {
    const outcome = await this.#store.forget(this.#random.pick(PASSING_LOCKS));
    if (outcome === 'forgotten') this.#report({ is: 'forgotten' });
  }

  async #meet(): Promise<void> {
    if (await this.#barrier.broken()) return this.#barrier.reset();
    this.#meetings.note(['arrive', this.#self, 0]);
    const index = await this.#barrier.wait({ timeout: MEET_MS });
    this.#meetings.note(['met', this.#self, 0, index]);
  }
}
