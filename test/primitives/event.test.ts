import { Event } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MemberAnswer } from '../../fixtures/programs/member.ts';
import { Rig, until } from '../support/process-rig.ts';

const event = 'ready';
const set: MemberAnswer = { is: 'awaited', set: true };
const notSet: MemberAnswer = { is: 'awaited', set: false };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

async function lineLength(): Promise<number> {
  return (await new Event(event, { store: rig.store }).inspect()).entries.length;
}

test('all who wait go on when somebody sets it, and so does whoever comes later', async () => {
  const [setter, ...waiters] = await rig.startMembers(4);
  const waits = waiters.map((waiter) => waiter.ask({ do: 'await', event }));
  await rig.inLine(event, 3);
  await setter?.ask({ do: 'set', event });
  expect(await Promise.all(waits)).toEqual([set, set, set]);
  const late = await rig.startMember();
  expect(await late.ask({ do: 'await', event, timeout: 0 })).toEqual(set);
  expect(await lineLength()).toBe(0);
});

test('it stays set after its setter was killed', async () => {
  const [setter, waiter] = await rig.startMembers(2);
  const waited = waiter?.ask({ do: 'await', event });
  await rig.inLine(event, 1);
  await setter?.ask({ do: 'set', event });
  await setter?.kill('SIGKILL');
  expect(await waited).toEqual(set);
  const late = await rig.startMember();
  expect(await late.ask({ do: 'await', event, timeout: 0 })).toEqual(set);
});

test('a killed waiter hinders nobody, and is no longer in line', async () => {
  const [setter, doomed, waiter] = await rig.startMembers(3);
  void doomed?.ask({ do: 'await', event });
  await rig.inLine(event, 1);
  const waited = waiter?.ask({ do: 'await', event });
  await rig.inLine(event, 2);
  await doomed?.kill('SIGKILL');
  await rig.inLine(event, 1);
  await setter?.ask({ do: 'set', event });
  expect(await waited).toEqual(set);
  expect(await lineLength()).toBe(0);
});

test('one that was let in and killed before it knew does not hold the event open', async () => {
  const [setter, doomed, waiter] = await rig.startMembers(3);
  void doomed?.ask({ do: 'await', event });
  await rig.inLine(event, 1);
  process.kill(doomed?.pid ?? 0, 'SIGSTOP');
  await setter?.ask({ do: 'set', event });
  await setter?.ask({ do: 'clear', event });
  await doomed?.kill('SIGKILL');
  const waited = waiter?.ask({ do: 'await', event });
  await until('only the living wait', async () => {
    const { entries } = await new Event(event, { store: rig.store }).inspect();
    return entries.length === 1 && entries[0]?.state === 'waiting' && entries[0].owners[0]?.pid === waiter?.pid;
  });
  await setter?.ask({ do: 'set', event });
  expect(await waited).toEqual(set);
});

test('a clear right after a set shuts out who comes, and nobody who waited', async () => {
  const [setter, ...waiters] = await rig.startMembers(4);
  const waits = waiters.map((waiter) => waiter.ask({ do: 'await', event }));
  await rig.inLine(event, 3);
  // Stopped: it learns of the set when the clear stands behind it.
  process.kill(waiters[0]?.pid ?? 0, 'SIGSTOP');
  await Promise.all([setter?.ask({ do: 'set', event }), setter?.ask({ do: 'clear', event })]);
  process.kill(waiters[0]?.pid ?? 0, 'SIGCONT');
  expect(await Promise.all(waits)).toEqual([set, set, set]);
  expect(await waiters[0]?.ask({ do: 'await', event, timeout: 0 })).toEqual(notSet);
  expect(await waiters[0]?.ask({ do: 'await', event, timeout: 20 })).toEqual(notSet);
  expect(await lineLength()).toBe(0);
});

test.each([{}, { rotateBytes: 900 }])(
  'set and wait, racing from many processes, lose no wake-up: %j',
  async (options) => {
    await rig.stop();
    rig = new Rig(options);
    const [caller, ...echoes] = await rig.startMembers(5);
    const order = { rounds: 150, others: echoes.length };
    const all = [
      caller?.ask({ do: 'call', ...order }),
      ...echoes.map((member) => member.ask({ do: 'echo', ...order })),
    ];
    expect(await Promise.all(all)).toEqual(all.map(() => ({ is: 'done' })));
  },
);
