import fs from 'node:fs';
import path from 'node:path';
import { Condition } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
