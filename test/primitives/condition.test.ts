import fs from 'node:fs';
import path from 'node:path';
import { Condition, type Lease, MisuseError, Owner, RLock, RWLock } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MemberAnswer } from '../../fixtures/programs/member.ts';
import { type Member, Rig } from '../support/process-rig.ts';

const condition = 'queue';
const lock = 'queue.lock';
const notified: MemberAnswer = { is: 'woken', notified: true };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

/** Has them wait, one after the other. */
async function waiting(members: readonly Member[]) {
  const waits = [];
  for (const [place, member] of members.entries()) {
    await member.ask({ do: 'enter', condition });
    waits.push(member.ask({ do: 'wait', condition }));
    await rig.inLine(condition, place + 1);
    await rig.inLine(lock, 0);
  }
  return waits;
}

async function waitingPids(): Promise<(number | undefined)[]> {
  const { entries } = await new Condition(condition, { store: rig.store }).inspect();
  return entries.filter(({ state }) => state === 'waiting').map(({ owners }) => owners[0]?.pid);
}

test('a notify wakes who has waited longest, and the lock is theirs again when they go on', async () => {
  const [notifier, first, second] = (await rig.startMembers(3)) as [Member, Member, Member];
  const waits = await waiting([first, second]);
  await notifier.ask({ do: 'enter', condition });
  expect(await notifier.ask({ do: 'notify', condition, count: 1 })).toEqual({ is: 'notified', count: 1 });
  // Woken, and waiting for the lock that its notifier still has.
  await rig.inLine(lock, 2);
  await notifier.ask({ do: 'leave', condition });
  expect(await waits[0]).toEqual(notified);
  expect(await waitingPids()).toEqual([second.pid]);
  expect((await rig.lock(lock).inspect()).entries.map(({ owners }) => owners[0]?.pid)).toEqual([first.pid]);
  expect(await first.ask({ do: 'notifyAll', condition })).toEqual({ is: 'notified', count: 1 });
  await first.ask({ do: 'leave', condition });
  expect(await waits[1]).toEqual(notified);
});

test.each([{}, { rotateBytes: 2_000 }])(
  'through a bounded queue of many producers and consumers nothing is lost or doubled: %j',
  async (options) => {
    await rig.stop();
    rig = new Rig(options);
    const file = path.join(rig.root, 'queue.json');
    fs.writeFileSync(file, '[]');
    const members = await rig.startMembers(6);
    const times = 30;
    const queue = { condition, file, bound: 2, times };
    const all = members.map((member, at) =>
      member.ask(at % 2 === 0 ? { do: 'produce', from: at * times, ...queue } : { do: 'consume', ...queue }),
    );
    const answers = await Promise.all(all);
    expect(answers).toEqual(members.map(() => expect.objectContaining({ is: 'consumed', wrong: [] })));
    const taken = answers.flatMap((answer) => (answer.is === 'consumed' ? answer.items : []));
    const put = [0, 2, 4].flatMap((at) => Array.from({ length: times }, (_, n) => at * times + n));
    expect(taken.sort((a, b) => a - b)).toEqual(put);
    expect(fs.readFileSync(file, 'utf8')).toBe('[]');
    for (const name of [condition, lock]) await rig.inLine(name, 0);
  },
);

test('a waiter that was killed is not woken in place of one that lives', async () => {
  const [notifier, doomed, living] = (await rig.startMembers(3)) as [Member, Member, Member];
  const waits = await waiting([doomed, living]);
  await notifier.ask({ do: 'enter', condition });
  // The living one is stopped, so that it is not it that finds out.
  process.kill(living.pid, 'SIGSTOP');
  await doomed.kill('SIGKILL');
  expect(await notifier.ask({ do: 'notify', condition, count: 1 })).toEqual({ is: 'notified', count: 1 });
  // Not by a detour over the dead one either.
  expect(await waitingPids()).toEqual([]);
  process.kill(living.pid, 'SIGCONT');
  await notifier.ask({ do: 'leave', condition });
  expect(await waits[1]).toEqual(notified);
});

test('one that is killed when it was woken and waits for the lock passes its wake-up on', async () => {
  const [notifier, doomed, next] = (await rig.startMembers(3)) as [Member, Member, Member];
  const waits = await waiting([doomed, next]);
  await notifier.ask({ do: 'enter', condition });
  await notifier.ask({ do: 'notify', condition, count: 1 });
  await rig.inLine(lock, 2);
  expect(await waitingPids()).toEqual([next.pid]);
  await doomed.kill('SIGKILL');
  await notifier.ask({ do: 'leave', condition });
  expect(await waits[1]).toEqual(notified);
});

test('one that is stopped as it is woken, and then killed, passes its wake-up on, and not before', async () => {
  const [notifier, doomed, next] = (await rig.startMembers(3)) as [Member, Member, Member];
  const waits = await waiting([doomed, next]);
  process.kill(doomed.pid, 'SIGSTOP');
  await notifier.ask({ do: 'enter', condition });
  expect(await notifier.ask({ do: 'notify', condition, count: 1 })).toEqual({ is: 'notified', count: 1 });
  await notifier.ask({ do: 'leave', condition });
  expect(await waitingPids()).toEqual([next.pid]);
  await doomed.kill('SIGKILL');
  expect(await waits[1]).toEqual(notified);
});

test('a wake-up is passed on through a chain of killed waiters', async () => {
  const members = await rig.startMembers(5);
  const [notifier, ...waiters] = members as [Member, ...Member[]];
  const waits = await waiting(waiters);
  await notifier.ask({ do: 'enter', condition });
  await notifier.ask({ do: 'notify', condition, count: 1 });
  await Promise.all(waiters.slice(0, 3).map((doomed) => doomed.kill('SIGKILL')));
  await notifier.ask({ do: 'leave', condition });
  expect(await waits[3]).toEqual(notified);
});

test('a notifier that is killed with the lock frees it, and whom it woke goes on', async () => {
  const [notifier, waiter] = (await rig.startMembers(2)) as [Member, Member];
  const waits = await waiting([waiter]);
  await notifier.ask({ do: 'enter', condition });
  await notifier.ask({ do: 'notify', condition, count: 1 });
  await rig.inLine(lock, 2);
  await notifier.kill('SIGKILL');
  expect(await waits[0]).toEqual(notified);
  expect(await waiter.ask({ do: 'leave', condition })).toEqual({ is: 'done' });
});

test('one that is not notified in time has the lock again all the same, and is not woken later', async () => {
  const [notifier, hasty, patient] = (await rig.startMembers(3)) as [Member, Member, Member];
  await hasty.ask({ do: 'enter', condition });
  expect(await hasty.ask({ do: 'wait', condition, timeout: 20 })).toEqual({ is: 'woken', notified: false });
  expect((await rig.lock(lock).inspect()).entries.map(({ owners }) => owners[0]?.pid)).toEqual([hasty.pid]);
  await hasty.ask({ do: 'leave', condition });
  const waits = await waiting([patient]);
  await notifier.ask({ do: 'enter', condition });
  expect(await notifier.ask({ do: 'notify', condition, count: 5 })).toEqual({ is: 'notified', count: 1 });
  await notifier.ask({ do: 'leave', condition });
  expect(await waits[0]).toEqual(notified);
});

test('without the lock nobody may wait or notify', async () => {
  const member = await rig.startMember();
  for (const order of [
    { do: 'wait', condition },
    { do: 'notify', condition, count: 1 },
  ] as const) {
    expect(await member.ask(order)).toMatchObject({ is: 'failed', code: 'MISUSE' });
  }
  await member.ask({ do: 'enter', condition });
  await member.ask({ do: 'leave', condition });
  expect(await member.ask({ do: 'notifyAll', condition })).toMatchObject({ is: 'failed', code: 'MISUSE' });
});

test('a waiter goes on waiting after another flow of its process had the lock through the same object', async () => {
  const shared = new Condition(condition, { store: rig.store });
  const jobs: string[] = [];
  const taken = shared.withLock(() => shared.waitFor(() => jobs.shift()));
  await shared.withLock(() => shared.notify());
  await shared.withLock(() => {
    jobs.push('job');
    return shared.notify();
  });
  expect(await taken).toBe('job');
});

describe('one object that tasks of one process share', () => {
  let shared: Condition;
  /** Resolves when so many wait in the condition's line, and none has its lock. */
  const waitingHere = async (count: number) => {
    await rig.inLine(condition, count);
    await rig.inLine(lock, 0);
  };

  beforeEach(() => {
    shared = new Condition(condition, { store: rig.store });
  });

  test('a task is woken again and again, and has the lock each time', async () => {
    const wakings: boolean[] = [];
    const waiter = shared.withLock(async (lease) => {
      for (let times = 0; times < 3; times++) wakings.push((await shared.wait()) && lease.held);
    });
    for (let times = 0; times < 3; times++) {
      await waitingHere(1);
      expect(await shared.withLock(() => shared.notify())).toBe(1);
    }
    await waiter;
    expect(wakings).toEqual([true, true, true]);
  });

  test.each<[string, (call: () => Promise<unknown>) => Promise<unknown>]>([
    ['of no known flow', (call) => call()],
    ['that holds another lock', (call) => rig.lock('other').withLock(call)],
    ['of an Owner', (call) => new Owner().run(call)],
  ])('a task %s that does not hold the lock may neither wait nor notify, and takes it from nobody', async (_, as) => {
    const ended: string[] = [];
    let leave: () => void = () => undefined;
    const holder = shared.withLock(async (lease) => {
      await new Promise<void>((resolve) => {
        leave = resolve;
      });
      ended.push(lease.held ? 'holder' : 'robbed holder');
    });
    await rig.inLine(lock, 1);
    const third = rig.lock(lock).withLock(() => ended.push('third'));
    for (const call of [
      () => shared.wait({ timeout: 50 }),
      () => shared.waitFor(() => false, { timeout: 50 }),
      () => shared.notify(),
      () => shared.notifyAll(),
    ]) {
      await expect(as(call)).rejects.toThrow(MisuseError);
    }
    leave();
    await Promise.all([holder, third]);
    expect(ended).toEqual(['holder', 'third']);
  });

  test('after a plain acquire the code that acquired may wait and notify', async () => {
    const waiter = (async () => {
      await using lease = await shared.acquire();
      return [await shared.wait(), lease.held];
    })();
    await waitingHere(1);
    await using notifier = await shared.acquire();
    expect(await shared.notify()).toBe(1);
    await notifier.release();
    expect(await waiter).toEqual([true, true]);
  });

  test('two tasks that each acquired plainly have the lock again, and may wait again, in any order', async () => {
    const ends: string[] = [];
    const task = async (name: string) => {
      await using lease = await shared.acquire();
      for (let times = 0; times < 2; times++) ends.push(`${name} ${(await shared.wait()) && lease.held}`);
      await shared.notifyAll();
    };
    const tasks = [task('first'), task('second')];
    for (let times = 0; times < 3; times++) {
      await waitingHere(2);
      await shared.withLock(() => shared.notify());
    }
    await Promise.all(tasks);
    expect(ends.sort()).toEqual(['first true', 'first true', 'second true', 'second true']);
  });

  test('what an Owner acquired is its own, and no other task’s', async () => {
    const owner = new Owner();
    const lease = await shared.acquire({ owner });
    await expect(shared.notify()).rejects.toThrow(MisuseError);
    expect(await owner.run(() => shared.notify())).toBe(0);
    expect(await shared.notify(1, { lease })).toBe(0);
    await lease.release();
  });

  test('an Owner that acquires something else during a wait still has the lock after it', async () => {
    await new Owner().run(async () => {
      await using _lease = await shared.acquire();
      const woken = shared.wait({ timeout: 200 });
      await waitingHere(1);
      await (await rig.lock('other').acquire()).release();
      expect([await woken, await shared.notify()]).toEqual([false, 0]);
    });
  });

  test('whoever names the lease may wait and notify with it, from any flow', async () => {
    const lease = await new Owner().run(() => shared.acquire());
    const waiter = rig.lock('other').withLock(() => shared.waitFor(() => lease.held && seen > 0, { lease }));
    let seen = 0;
    await waitingHere(1);
    await shared.withLock(async (its) => {
      seen += 1;
      await shared.notifyAll({ lease: its });
    });
    expect([await waiter, lease.held]).toEqual([true, true]);
    await lease.release();
  });

  test.each<[string, () => Promise<Lease>]>([
    ['of another lock', () => rig.lock('other').acquire()],
    [
      'that was released',
      async () => {
        const lease = await shared.acquire();
        await lease.release();
        return lease;
      },
    ],
    ['that shares the lock', () => new RWLock(lock, { store: rig.store }).acquire({ mode: 'shared' })],
  ])('a lease %s is none to wait with', async (_, leaseOf) => {
    const lease = await leaseOf();
    await expect(shared.wait({ lease, timeout: 50 })).rejects.toThrow(MisuseError);
    await expect(shared.notify(1, { lease })).rejects.toThrow(MisuseError);
    await expect(shared.wait({ lease: {} as Lease })).rejects.toThrow('lease must be a Lease');
    await lease.release();
  });

  test('a lease that its lock gave is one to wait with, if it is named', async () => {
    const lease = await shared.lock.acquire();
    expect([await shared.wait({ lease, timeout: 5 }), lease.held]).toEqual([false, true]);
    await lease.release();
  });

  test('a flow that waits already may not wait or notify beside that', async () => {
    await shared.withLock(async () => {
      const first = shared.wait({ timeout: 100 });
      await expect(shared.wait({ timeout: 100 })).rejects.toThrow(MisuseError);
      await expect(shared.notify()).rejects.toThrow(MisuseError);
      expect(await first).toBe(false);
      expect(await shared.notify()).toBe(0);
    });
    await rig.inLine(lock, 0);
  });

  test.each(['at once', 'once it waits'])('a wait whose lease is released %s ends, and holds nothing', async (when) => {
    let abandoned: Promise<unknown> | undefined;
    const next = shared.withLock(() => shared.wait());
    await waitingHere(1);
    await shared.withLock(async () => {
      // Not awaited: a mistake.
      abandoned = shared.wait().catch((error: unknown) => error);
      if (when === 'once it waits') await waitingHere(2);
    });
    expect(await abandoned).toBeInstanceOf(MisuseError);
    expect(await shared.withLock(() => shared.notify())).toBe(1);
    expect(await next).toBe(true);
    for (const name of [condition, lock]) await rig.inLine(name, 0);
  });

  test('after a wait every lease of an RLock is held again, and learns of its loss', async () => {
    const guard = new RLock('guard', { store: rig.store });
    const nested = new Condition('nested', { lock: guard, store: rig.store });
    await nested
      .withLock(async (outer) => {
        const { signal } = outer;
        await nested.withLock(async (inner) => {
          expect(await nested.wait({ timeout: 5 })).toBe(false);
          expect([outer.held, inner.held, outer.token === inner.token]).toEqual([true, true, true]);
        });
        const lost = new Promise((resolve) => signal.addEventListener('abort', resolve));
        await rig.store.evict('guard', outer.token, { reason: 'broken', by: 'a test' });
        await lost;
      })
      .catch(({ code }) => expect(code).toBe('LEASE_LOST'));
  });
});
