import { openStore } from 'lockstep';
import { attempt } from '../attempt.ts';
import { Meetings } from '../meetings.ts';
import type { Random } from '../random.ts';
import { PASSING_LOCKS } from '../scenery.ts';
import type { Chores, TasksOptions } from '../tasks.ts';
import type { Breakable, Report } from '../worker-setup.ts';
import { Items } from './items.ts';
import { Numbers } from './numbers.ts';
import { EtcdVisits } from './visits.ts';

/** The relative frequency of each task. */
const WEIGHTS = {
  lock: 30,
  nested: 8,
  semaphore: 20,
  rwlock: 20,
  json: 8,
  counter: 8,
  put: 10,
  work: 12,
  event: 2,
  barrier: 2,
  forget: 4,
};
/** The frequency of a task that breaks a rule, so that it is detected within seconds. */
const BROKEN_WEIGHT = 300;
/** The tasks that it takes to break a rule, where it is not the one of that name. */
const BROKEN_TASKS: Partial<Record<Breakable, readonly string[]>> = { release: ['lock'], queue: ['put', 'work'] };
/** The share of workers that do nothing but stay in sections for a long time. */
const STAYERS = 0.4;
const AGAIN_MS = 50;

/** Everything that a worker with a store on etcd may do. */
export class EtcdTasks implements Chores {
  readonly #random: Random;
  readonly #report: Report;
  readonly #visits: EtcdVisits;
  readonly #stays: boolean;
  readonly #weights: Record<string, number>;
  readonly #doing: Record<string, () => Promise<unknown>>;

  constructor({ ground, place, random, breaks, report }: TasksOptions) {
    const store = openStore(place);
    const visits = new EtcdVisits({ ground, store, random, breaks });
    const numbers = new Numbers({ ground, place, store, random });
    const items = new Items({ ground, store, random, breaks });
    const meetings = new Meetings(ground, store, random);
    this.#random = random;
    this.#report = report;
    this.#visits = visits;
    this.#stays = breaks === 'signal' || (breaks === null && random.chance(STAYERS));
    const broken = breaks === null ? [] : (BROKEN_TASKS[breaks] ?? [breaks]);
    this.#weights = { ...WEIGHTS, ...Object.fromEntries(broken.map((task) => [task, BROKEN_WEIGHT])) };
    this.#doing = {
      stay: () => visits.visit('lock', true),
      lock: () => visits.visit('lock'),
      nested: () => visits.visitTwo(),
      semaphore: () => visits.visit('semaphore'),
      rwlock: () => visits.visit('rwlock'),
      json: () => numbers.json(),
      counter: () => numbers.count(),
      put: () => items.put(),
      work: () => items.work(),
      event: () => meetings.signal(),
      barrier: () => meetings.meet(),
      forget: async () => {
        const outcome = await store.forget(random.pick(PASSING_LOCKS));
        if (outcome === 'forgotten') report({ is: 'forgotten' });
      },
    };
  }

  choose(): string {
    return this.#stays ? 'stay' : this.#random.weighted(this.#weights);
  }

  run(task: string): Promise<void> {
    return attempt(task, this.#doing[task], this.#report, AGAIN_MS);
  }

  vanish(): void {
    this.#visits.vanish();
  }
}
