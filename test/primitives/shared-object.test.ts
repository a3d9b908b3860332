import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  Barrier,
  BoundedSemaphore,
  BrokenBarrierError,
  Condition,
  Counter,
  Event,
  JsonFile,
  type Lease,
  Lock,
  LockManager,
  LockTimeoutError,
  MisuseError,
  Owner,
  RLock,
  RWLock,
  Semaphore,
  StoreError,
} from '../../lib/index.ts';
import type { Store } from '../../lib/store/store.ts';
import { openDisk, openMemory } from '../contract/parties.ts';

/**
 * Several tasks of one process share one object of each primitive. Each task follows a script, drawn at random; a model
 * in the plainest words says what must be true at every step, and in the end nothing is left in line.
 */

const RUNS = { numRuns: 60 };
const ABORT = new Error('aborted on purpose');
const KINDS = [
  ['on disk', openDisk],
  ['in memory', openMemory],
] as const;

let close: () => void = () => undefined;
let root: string;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-shared-'));
});

afterEach(() => {
  close();
  close = () => undefined;
  fs.rmSync(root, { recursive: true });
});

/** A few turns of the event loop: steps of other tasks come between. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** How a wait may be cut short: by a timeout in ms, or by a signal after some turns. */
const cut = fc.option(fc.record({ timeout: fc.option(fc.nat(4)), abortAfter: fc.option(fc.nat(6)) }));
type Cut = { timeout: number | null; abortAfter: number | null } | null;

function optionsOf(how: Cut): { timeout?: number; signal?: AbortSignal } {
  const { timeout = null, abortAfter = null } = how ?? {};
  const abort = new AbortController();
  if (abortAfter !== null) void turns(abortAfter).then(() => abort.abort(ABORT));
  return { ...(timeout === null ? {} : { timeout }), ...(abortAfter === null ? {} : { signal: abort.signal }) };
}

/** Resolves to null if the wait was cut short, which is the only error that there may be. */
async function unlessCut<T>(wait: Promise<T>): Promise<T | null> {
  try {
    return await wait;
  } catch (error) {
    if (error instanceof LockTimeoutError || error === ABORT) return null;
    throw error;
  }
}

/** A section with at most `capacity` callers inside at a time. */
class Section {
  readonly #capacity: number;
  #inside = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  enter(weight: number): void {
    this.#inside += weight;
    expect(this.#inside).toBeLessThanOrEqual(this.#capacity);
  }

  leave(weight: number): void {
    this.#inside -= weight;
  }
}

const tasksOf = <T>(step: fc.Arbitrary<T>) =>
  fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 });

/** Runs each script as a task of its own, all at the same time. */
async function runAll<T>(scripts: readonly T[][], step: (one: T, task: number) => Promise<void>): Promise<void> {
  const ends = await Promise.allSettled(
    scripts.map(async (script, task) => {
      for (const one of script) await step(one, task);
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function isEmpty(store: Store, name: string): Promise<void> {
  expect((await store.snapshot(name))?.entries ?? []).toEqual([]);
}

/** One visit to a section: how it is asked for, how much, how long, and whether it is released twice. */
const visit = fc.record({
  by: fc.constantFrom('with', 'plain', 'try', 'trySync'),
  ask: fc.integer({ min: 1, max: 2 }),
  turns: fc.nat(3),
  again: fc.constantFrom('no', 'later', 'at once'),
  isDeclared: fc.boolean(),
  cut,
});
type Visit = typeof visit extends fc.Arbitrary<infer T> ? T : never;

interface Subject {
  /** Whether its store can be used without promises. */
  hasSync?: boolean;
  capacity: number;
  weight(ask: number): number;
  acquire(step: Visit, options: object): Promise<Lease>;
  tryAcquire(step: Visit): Promise<Lease | null>;
  tryAcquireSync(step: Visit): Lease | null;
  within(step: Visit, options: object, work: () => Promise<void>): Promise<unknown>;
  /** Whether the flow that holds it may acquire it again. */
  isReentrant?: boolean;
  isStrict?: boolean;
}

function lockSubject(lock: Lock): Subject {
  return {
    capacity: 1,
    weight: () => 1,
    acquire: (_, options) => lock.acquire(options),
    tryAcquire: () => lock.tryAcquire(),
    tryAcquireSync: () => lock.tryAcquireSync(),
    within: (_, options, work) => lock.withLock(work, options),
  };
}

function permitSubject(semaphore: Semaphore): Subject {
  return {
    capacity: semaphore.permits,
    weight: (ask) => ask,
    acquire: ({ ask }, options) => semaphore.acquire({ ...options, permits: ask }),
    tryAcquire: ({ ask }) => semaphore.tryAcquire({ permits: ask }),
    tryAcquireSync: ({ ask }) => semaphore.tryAcquireSync({ permits: ask }),
    within: ({ ask }, options, work) => semaphore.withPermits(work, { ...options, permits: ask }),
  };
}

const modeOf = (ask: number) => (ask === 1 ? 'shared' : 'exclusive');

const SUBJECTS: Record<string, (store: Store) => Subject> = {
  Lock: (store) => lockSubject(new Lock('x', { store })),
  RLock: (store) => ({ ...lockSubject(new RLock('x', { store })), isReentrant: true }),
  Semaphore: (store) => permitSubject(new Semaphore('x', 3, { store })),
  BoundedSemaphore: (store) => ({ ...permitSubject(new BoundedSemaphore('x', 3, { store })), isStrict: true }),
  RWLock: (store) => {
    const lock = new RWLock('x', { store });
    return {
      capacity: 100,
      weight: (ask) => (ask === 1 ? 1 : 100),
      acquire: ({ ask }, options) => lock.acquire({ ...options, mode: modeOf(ask) }),
      tryAcquire: ({ ask }) => lock.tryAcquire({ mode: modeOf(ask) }),
      tryAcquireSync: ({ ask }) => lock.tryAcquireSync({ mode: modeOf(ask) }),
      within: ({ ask }, options, work) => lock.withLock(work, { ...options, mode: modeOf(ask) }),
    };
  },
};

function asked(subject: Subject, step: Visit): Promise<Lease | null> {
  return step.by === 'plain' ? subject.acquire(step, optionsOf(step.cut)) : subject.tryAcquire(step);
}

async function visitOnce(subject: Subject, section: Section, step: Visit): Promise<void> {
  const weight = subject.weight(step.ask);
  const inside = async (isFlow: boolean) => {
    section.enter(weight);
    await turns(step.turns);
    // The same object, the same flow: it is inside already.
    if (subject.isReentrant && isFlow) await subject.within(step, {}, () => turns(step.turns));
    section.leave(weight);
  };
  if (step.by === 'with') {
    await unlessCut(subject.within(step, optionsOf(step.cut), () => inside(true)));
    return;
  }
  const isSync = step.by === 'trySync' && subject.hasSync === true;
  const lease = isSync ? subject.tryAcquireSync(step) : await unlessCut(asked(subject, step));
  if (!lease) return;
  expect(lease.held).toBe(true);
  await inside(step.isDeclared);
  if (isSync) lease.releaseSync();
  const release = isSync ? undefined : lease.release();
  if (step.again !== 'at once') await release;
  expect(lease.held).toBe(false);
  if (step.again === 'no') return;
  if (subject.isStrict) await expect(lease.release()).rejects.toThrow(MisuseError);
  else await lease.release();
  await release;
}

/** How to get a lease of each kind that there is. */
const LEASES: Record<string, (store: Store) => { lease: () => Promise<Lease>; line?: string; isStrict?: boolean }> = {
  Lock: (store) => ({ lease: () => new Lock('x', { store }).acquire() }),
  'Lock, tried': (store) => ({ lease: async () => (await new Lock('x', { store }).tryAcquire()) as Lease }),
  RLock: (store) => ({ lease: () => new RLock('x', { store }).acquire() }),
  Semaphore: (store) => ({ lease: () => new Semaphore('x', 2, { store }).acquire() }),
  BoundedSemaphore: (store) => ({ lease: () => new BoundedSemaphore('x', 2, { store }).acquire(), isStrict: true }),
  'BoundedSemaphore, tried': (store) => ({
    lease: async () => (await new BoundedSemaphore('x', 2, { store }).tryAcquire()) as Lease,
    isStrict: true,
  }),
  'RWLock, shared': (store) => ({ lease: () => new RWLock('x', { store }).acquire({ mode: 'shared' }) }),
  'RWLock, exclusive': (store) => ({ lease: () => new RWLock('x', { store }).acquire({ mode: 'exclusive' }) }),
  Condition: (store) => ({ lease: () => new Condition('x', { store }).acquire(), line: 'x.lock' }),
};

for (const [kind, open] of KINDS) {
  test.each(Object.keys(SUBJECTS))(
    `tasks that share one %s are never more than may be, and leave nothing, ${kind}`,
    async (name) => {
      const parties = open();
      close = parties.close;
      await fc.assert(
        fc.asyncProperty(tasksOf(visit), async (scripts) => {
          const made = SUBJECTS[name]?.(parties.one) as Subject;
          const subject = { ...made, hasSync: Boolean(parties.one.sync) };
          const section = new Section(subject.capacity);
          await runAll(scripts, (step) => {
            const once = () => visitOnce(subject, section, step);
            return step.isDeclared ? new Owner().run(once) : once();
          });
          await isEmpty(parties.one, 'x');
        }),
        RUNS,
      );
    },
  );

  describe.each(Object.keys(LEASES))(`a lease of a %s, ${kind}`, (name) => {
    const openLease = () => {
      const parties = open();
      close = parties.close;
      const { lease, line = 'x', isStrict = false } = LEASES[name]?.(parties.one) ?? {};
      return { store: parties.one, acquire: lease as () => Promise<Lease>, line, isStrict };
    };

    test('that is released twice, without waiting for the first, leaves the line once', async () => {
      const { store, acquire, line, isStrict } = openLease();
      const lease = await acquire();
      const leave = vi.spyOn(store, 'leave');
      const ends = await Promise.allSettled([lease.release(), lease.release()]);
      expect(ends[0]).toEqual({ status: 'fulfilled', value: undefined });
      if (isStrict) expect(ends[1]).toMatchObject({ status: 'rejected', reason: { code: 'MISUSE' } });
      else expect(ends[1]).toEqual({ status: 'fulfilled', value: undefined });
      expect(leave).toHaveBeenCalledTimes(1);
      expect(lease.held).toBe(false);
      await isEmpty(store, line);
    });

    test('whose release fails is held still: both calls say so, and a third one may succeed', async () => {
      const { store, acquire, line, isStrict } = openLease();
      const lease = await acquire();
      const full = new StoreError('STORE_FULL', 'no space', { operation: 'release', resource: 'x', path: '' });
      const leave = vi.spyOn(store, 'leave').mockRejectedValueOnce(full);
      const ends = await Promise.allSettled([lease.release(), lease.release()]);
      expect(ends[0]).toEqual({ status: 'rejected', reason: full });
      expect(ends[1]).toMatchObject({ status: 'rejected', reason: { code: isStrict ? 'MISUSE' : 'STORE_FULL' } });
      expect(leave).toHaveBeenCalledTimes(1);
      expect(lease.held).toBe(true);
      await lease.release();
      await isEmpty(store, line);
    });

    test('that is being released as its block ends is released, which is no misuse', async () => {
      const { store, acquire, line } = openLease();
      let release: Promise<void> | undefined;
      {
        await using lease = await acquire();
        release = lease.release();
      }
      await release;
      await isEmpty(store, line);
    });
  });

  test(`tasks that share one LockManager meet only as their modes allow, also those that nobody awaits, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const step = fc.record({
      mode: fc.constantFrom('shared' as const, 'exclusive' as const),
      ifAvailable: fc.boolean(),
      nested: fc.option(fc.constantFrom('shared' as const, 'exclusive' as const)),
      turns: fc.nat(3),
      abortAfter: fc.option(fc.nat(6)),
    });
    await fc.assert(
      fc.asyncProperty(tasksOf(step), async (scripts) => {
        const locks = new LockManager({ store: parties.one });
        const section = new Section(100);
        const later: Promise<unknown>[] = [];
        const enter = async (mode: 'shared' | 'exclusive', count: number) => {
          section.enter(mode === 'shared' ? 1 : 100);
          await turns(count);
          section.leave(mode === 'shared' ? 1 : 100);
        };
        await runAll(scripts, async ({ mode, ifAvailable, nested, turns: count, abortAfter }) => {
          // The two may not be combined.
          const how = ifAvailable ? { ifAvailable } : optionsOf({ timeout: null, abortAfter });
          const request = locks.request('x', { mode, ...how }, async (lock) => {
            if (!lock) return;
            if (nested) later.push(locks.request('x', { mode: nested }, () => enter(nested, count)));
            await enter(mode, count);
          });
          await unlessCut(request);
        });
        await Promise.all(later);
        await isEmpty(parties.one, 'x');
      }),
      RUNS,
    );
  });

  test(`tasks that share one Condition have its lock one at a time, and none acts without it, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const act = fc.oneof(
      fc.record({ do: fc.constant('wait' as const), timeout: fc.nat(4), abortAfter: fc.option(fc.nat(6)) }),
      fc.record({ do: fc.constant('notify' as const), count: fc.nat(2) }),
      fc.record({ do: fc.constant('turns' as const), count: fc.nat(3) }),
    );
    const step = fc.record({
      by: fc.constantFrom('with', 'plain', 'owner', 'lease', 'nobody'),
      acts: fc.array(act, { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(tasksOf(step), async (scripts) => {
        const condition = new Condition('x', { store: parties.one });
        const section = new Section(1);
        const count = { woken: 0, notified: 0 };
        const actAll = async (acts: (typeof step extends fc.Arbitrary<infer T> ? T : never)['acts'], lease?: Lease) => {
          section.enter(1);
          for (const one of acts) {
            if (one.do === 'turns') await turns(one.count);
            else if (one.do === 'notify') count.notified += await condition.notify(one.count, { lease });
            else {
              section.leave(1);
              // While it waits it has no lock to notify under.
              const [isWoken] = await Promise.all([
                condition.wait({ ...optionsOf(one), lease }),
                expect(condition.notify(1, { lease })).rejects.toThrow(MisuseError),
              ]);
              section.enter(1);
              if (isWoken) count.woken += 1;
            }
            expect(lease?.held ?? true).toBe(true);
          }
          section.leave(1);
        };
        await runAll(scripts, async ({ by, acts }) => {
          if (by === 'plain') {
            const lease = await condition.acquire();
            await unlessCut(actAll(acts));
            await lease.release();
          }
          if (by === 'with') await unlessCut(condition.withLock(() => actAll(acts)));
          if (by === 'owner')
            await new Owner().run(async () => {
              const lease = await condition.acquire();
              await unlessCut(actAll(acts));
              await lease.release();
            });
          if (by === 'lease') {
            const lease = await new Owner().run(() => condition.acquire());
            await unlessCut(actAll(acts, lease));
            await lease.release();
          }
          if (by === 'nobody') {
            await expect(new Owner().run(() => condition.wait({ timeout: 1 }))).rejects.toThrow(MisuseError);
            await expect(new Owner().run(() => condition.notify())).rejects.toThrow(MisuseError);
          }
        });
        expect(count.woken).toBeLessThanOrEqual(count.notified);
        for (const name of ['x', 'x.lock']) await isEmpty(parties.one, name);
      }),
      RUNS,
    );
  });

  test(`tasks of one flow share what it holds of an RLock, which no other flow gets before the last of them gives it back, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const flows = fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(flows, async (plans) => {
        const lock = new RLock('x', { store: parties.one });
        const section = new Section(1);
        const ends = plans.map((tasks) =>
          new Owner().run(async () => {
            const first = await lock.acquire();
            section.enter(1);
            let inside = tasks.length;
            const ended = tasks.map(async (count) => {
              const again = await lock.acquire();
              await turns(count);
              expect(again.held).toBe(true);
              inside -= 1;
              if (inside === 0) section.leave(1);
              await again.release();
            });
            // Those of its tasks outlive it.
            await first.release();
            await Promise.all(ended);
          }),
        );
        await Promise.all(ends);
        await isEmpty(parties.one, 'x');
      }),
      RUNS,
    );
  });

  test(`tasks that hand things on by one Condition lose none, and take none twice, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const plan = fc.record({
      producers: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
      consumers: fc.integer({ min: 1, max: 3 }),
      notifiesAll: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ producers, consumers, notifiesAll }) => {
        const condition = new Condition('x', { store: parties.one });
        const all = producers.flatMap((count, of) => Array.from({ length: count }, (_, each) => `${of}.${each}`));
        const queue: string[] = [];
        const taken: string[] = [];
        const put = async (things: readonly string[]) => {
          await condition.withLock(async () => {
            queue.push(...things);
            if (notifiesAll) await condition.notifyAll();
            else await condition.notify(things.length);
          });
        };
        const take = async () => {
          for (;;) {
            const thing = await condition.withLock(() => condition.waitFor(() => queue.shift()));
            if (thing === 'end') return;
            taken.push(thing as string);
          }
        };
        const takers = Array.from({ length: consumers }, take);
        await Promise.all(producers.map((_, of) => put(all.filter((thing) => thing.startsWith(`${of}.`)))));
        await put(Array<string>(consumers).fill('end'));
        await Promise.all(takers);
        expect([taken.sort(), queue]).toEqual([[...all].sort(), []]);
        for (const name of ['x', 'x.lock']) await isEmpty(parties.one, name);
      }),
      RUNS,
    );
  });

  test(`a task that breaks or resets a shared Barrier ends the waits of the others, and leaves nothing, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const script = fc.record({
      parties: fc.integer({ min: 2, max: 4 }),
      waiters: fc.integer({ min: 1, max: 6 }),
      acts: fc.array(fc.record({ do: fc.constantFrom('abort' as const, 'reset' as const), after: fc.nat(4) }), {
        minLength: 1,
        maxLength: 3,
      }),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(script, async ({ parties: count, waiters, acts }) => {
        const barrier = new Barrier(`b${round++}`, count, { store: parties.one });
        const met: number[] = [];
        let isOver = false;
        const waits = Array.from({ length: waiters }, async () => {
          try {
            met.push(await barrier.wait());
          } catch (error) {
            expect(error).toBeInstanceOf(BrokenBarrierError);
            expect(isOver).toBe(true);
          }
        });
        for (const act of acts) {
          await turns(act.after);
          isOver = true;
          await barrier[act.do]();
        }
        // Those that came behind the last reset have nobody to wait for.
        await turns(8);
        await barrier.abort();
        await Promise.all(waits);
        expect(met.length % count).toBe(0);
        expect(await barrier.waiting()).toBe(0);
        await isEmpty(parties.one, barrier.name);
      }),
      RUNS,
    );
  });

  test(`tasks that share one Counter lose no addition, and no two get one sum, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    let round = 0;
    await fc.assert(
      fc.asyncProperty(tasksOf(fc.integer({ min: 1, max: 5 })), async (scripts) => {
        const counter = new Counter(`x${round++}`, { store: parties.one });
        const sums: number[] = [];
        await runAll(scripts, async (by) => void sums.push(await counter.add(by)));
        const total = scripts.flat().reduce((sum, by) => sum + by, 0);
        expect([await counter.get(), Math.max(...sums), new Set(sums).size]).toEqual([total, total, sums.length]);
      }),
      RUNS,
    );
  });

  test(`tasks that share one Event wait until it is set, and no longer, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('set' as const, 'clear' as const) }),
      fc.record({ do: fc.constant('wait' as const), timeout: fc.nat(4), abortAfter: fc.option(fc.nat(6)) }),
    );
    await fc.assert(
      fc.asyncProperty(tasksOf(step), async (scripts) => {
        const event = new Event('x', { store: parties.one });
        await event.clear();
        let sets = 0;
        await runAll(scripts, async (one) => {
          if (one.do === 'wait') {
            const isSet = await unlessCut(event.wait(optionsOf(one)));
            if (isSet) expect(sets).toBeGreaterThan(0);
            return;
          }
          if (one.do === 'set') sets += 1;
          await event[one.do]();
        });
        await event.set();
        expect(await event.wait({ timeout: 0 })).toBe(true);
        await isEmpty(parties.one, 'x');
      }),
      RUNS,
    );
  });

  test(`tasks that share one Barrier meet in rounds, or learn that it is broken, ${kind}`, async () => {
    const parties = open();
    close = parties.close;
    const script = fc.record({
      tasks: fc.integer({ min: 2, max: 4 }),
      rounds: fc.integer({ min: 1, max: 3 }),
      cuts: fc.array(cut, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(script, async ({ tasks, rounds, cuts }) => {
        const barrier = new Barrier(`x${tasks}`, tasks, { store: parties.one });
        await barrier.reset();
        const indices: number[][] = Array.from({ length: rounds }, () => []);
        const plans = Array.from({ length: tasks }, (_, task) =>
          Array.from({ length: rounds }, (__, round) => ({ task, round })),
        );
        await runAll(plans, async ({ task, round }) => {
          try {
            indices[round]?.push(await barrier.wait(optionsOf(round === rounds - 1 ? (cuts[task] ?? null) : null)));
          } catch (error) {
            if (error !== ABORT) expect(error).toBeInstanceOf(BrokenBarrierError);
            expect(await barrier.broken()).toBe(true);
          }
        });
        const all = Array.from({ length: tasks }, (_, index) => index);
        for (const round of indices.slice(0, -1)) expect(round.sort()).toEqual(all);
        if (!(await barrier.broken())) expect(indices.at(-1)?.sort()).toEqual(all);
        await isEmpty(parties.one, barrier.name);
      }),
      RUNS,
    );
  });
}

test('tasks that share one JsonFile lose no update, and a change that throws changes nothing', async () => {
  const step = fc.record({ by: fc.integer({ min: 0, max: 9 }), throws: fc.boolean(), turns: fc.nat(2), cut });
  const file = path.join(root, 'x.json');
  await fc.assert(
    fc.asyncProperty(tasksOf(step), async (scripts) => {
      fs.writeFileSync(file, '{"sum":0}');
      const shared = new JsonFile<{ sum: number }>(file);
      let sum = 0;
      await runAll(scripts, async ({ by, throws, turns: count, cut: how }) => {
        // Without the lock, and a whole state all the same: a later one than this task has seen.
        if (by === 0) {
          const before = sum;
          expect((await shared.read()).sum).toBeGreaterThanOrEqual(before);
          return;
        }
        const change = async (value: { sum: number }) => {
          value.sum += by;
          await turns(count);
          if (throws) throw ABORT;
        };
        if (await unlessCut(shared.update(change, optionsOf(how)))) sum += by;
      });
      expect(await shared.read()).toEqual({ sum });
      await isEmpty(shared.lock.store, 'x.json');
    }),
    { numRuns: 15 },
  );
});
