import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Failure } from '../../fixtures/programs/channel.ts';
import type { Crossed, How } from '../../fixtures/programs/crossing.ts';
import type { NestedSpec, NesterAnswer } from '../../fixtures/programs/nester.ts';
import type { Dinner } from '../../fixtures/programs/philosopher.ts';
import { fixture, type Nester, Rig, until } from '../support/process-rig.ts';

const run = promisify(execFile);
const within = { is: 'in', token: expect.any(Number) };
const deadlock = { is: 'failed', name: 'DeadlockError', code: 'DEADLOCK' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

/** A program that only its waits keep alive, to its end. */
async function ended<T>(program: string, args: readonly string[]): Promise<T> {
  const env = { ...process.env, LOCKSTEP_DIR: rig.directory };
  const { stdout } = await run(process.execPath, [fixture(program), ...args], {
    env,
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  return JSON.parse(stdout) as T;
}

function enter(nester: Nester, resource: NestedSpec, flow = 'a') {
  return nester.ask({ do: 'enter', flow, resource });
}

async function leave(nester: Nester, flow = 'a'): Promise<void> {
  expect(await nester.ask({ do: 'leave', flow })).toEqual({ is: 'out' });
}

interface Party {
  nester: Nester;
  flow?: string;
  wait: Promise<NesterAnswer | Failure>;
  /** How often it has entered something before. */
  has: number;
}

/**
 * Each leaves all that it has when its wait is over. Exactly one of the waits must be told of a deadlock, and all
 * others end by it. Mostly it is the youngest of the circle, but where that one is kept from its processor for half
 * a second it is another: so a test does not say which.
 */
async function untangled(parties: readonly Party[]): Promise<{ pid: number; failure: Failure }> {
  const told: { pid: number; failure: Failure }[] = [];
  await Promise.all(
    parties.map(async ({ nester, flow, wait, has }) => {
      const answer = await wait;
      if (answer.is === 'failed') told.push({ pid: nester.pid, failure: answer });
      else expect(answer).toEqual(within);
      for (let times = answer.is === 'failed' ? has : has + 1; times > 0; times--) await leave(nester, flow);
    }),
  );
  expect(told).toEqual([{ pid: expect.any(Number), failure: expect.objectContaining(deadlock) }]);
  return told[0] as { pid: number; failure: Failure };
}

/** Passes when a circle of two others has been told: what was to be told before is told by then. */
async function anotherCircleIsTold(): Promise<void> {
  const [one, two] = (await rig.startNesters(2)) as [Nester, Nester];
  await enter(one, { name: 'other.1' });
  await enter(two, { name: 'other.2' });
  const wait = enter(one, { name: 'other.2' });
  await rig.inLine('other.2', 2);
  await untangled([
    { nester: one, wait, has: 1 },
    { nester: two, wait: enter(two, { name: 'other.1' }), has: 1 },
  ]);
}

describe.each([2, 3])('%i processes in a circle', (parties) => {
  test.each<How>(['withLock', 'owner', 'acquire', 'acquireSync'])(
    'by %s: one gets an error that names who waits for whom, and the others go on',
    async (how) => {
      const directory = path.join(rig.root, 'meeting');
      fs.mkdirSync(directory);
      const names = Array.from({ length: parties }, (_, at) => `lock.${at}`);
      const crossings = names.map((name, at) => [how, name, names[(at + 1) % parties] ?? '', directory, `${parties}`]);
      const crossed = await Promise.all(crossings.map((args) => ended<Crossed>('crossing', args)));

      const [told, ...more] = crossed.filter((one) => one.told);
      expect(more).toEqual([]);
      const { pid, told: error } = told as Crossed;
      // From the one that was told on, in the direction in which they wait.
      const at = crossed.findIndex((one) => one.pid === pid);
      const around = [...crossed.keys()].map((step) => (at + step) % parties);
      expect(error?.code).toBe('DEADLOCK');
      expect(error?.resource).toBe(names[(at + 1) % parties]);
      expect(error?.circle).toEqual(
        around.map((place) =>
          expect.objectContaining({
            pid: crossed[place]?.pid,
            command: expect.stringContaining(`crossing.js ${how} lock.${place} lock.${(place + 1) % parties}`),
            waitsFor: `lock.${(place + 1) % parties}`,
            holds: expect.objectContaining({ resource: `lock.${place}`, pid: crossed[place]?.pid }),
          }),
        ),
      );
      for (const { pid } of crossed) expect(error?.message).toContain(`pid ${pid} on `);
      for (const name of names) expect((await rig.lock(name).inspect()).entries).toEqual([]);
    },
  );
});

test('a wait without detection hangs, and goes on when the other one of the cycle is killed', async () => {
  const [one, two] = (await rig.startNesters(2)) as [Nester, Nester];
  await enter(one, { name: 'a' });
  await enter(two, { name: 'b' });
  const waited = one.ask({ do: 'enter', flow: 'a', resource: { name: 'b' }, detectDeadlock: false });
  await rig.inLine('b', 2);
  void two.ask({ do: 'enter', flow: 'a', resource: { name: 'a' }, detectDeadlock: false });
  await rig.inLine('a', 2);
  await anotherCircleIsTold();
  for (const name of ['a', 'b']) {
    const { entries } = await rig.lock(name).inspect();
    expect(entries.map(({ state }) => state)).toEqual(['holding', 'waiting']);
  }
  await two.kill('SIGKILL');
  expect(await waited).toEqual(within);
});

test('one gets an error although the other waits without detection', async () => {
  const [deaf, listening] = (await rig.startNesters(2)) as [Nester, Nester];
  await enter(deaf, { name: 'a' });
  await enter(listening, { name: 'b' });
  const told = enter(listening, { name: 'a' });
  await rig.inLine('a', 2);
  // The younger of the two, so it would be the one to give up.
  const waited = deaf.ask({ do: 'enter', flow: 'a', resource: { name: 'b' }, detectDeadlock: false });
  expect(await told).toMatchObject(deadlock);
  await leave(listening);
  expect(await waited).toEqual(within);
});

test('a cycle that was reported can be closed again, and is reported again', async () => {
  const [one, two] = (await rig.startNesters(2)) as [Nester, Nester];
  await enter(one, { name: 'a' });
  await enter(two, { name: 'b' });
  // Only the other one wants to be told.
  const waited = one.ask({ do: 'enter', flow: 'a', resource: { name: 'b' }, detectDeadlock: false });
  await rig.inLine('b', 2);
  for (let times = 0; times < 3; times++) {
    expect(await enter(two, { name: 'a' })).toMatchObject({ ...deadlock, holderPids: [one.pid] });
  }
  await leave(two);
  expect(await waited).toEqual(within);
});

test('a cycle of two flows of one process is reported as one of two processes is', async () => {
  const nester = await rig.startNester();
  await enter(nester, { name: 'a' }, 'one');
  await enter(nester, { name: 'b' }, 'two');
  const wait = enter(nester, { name: 'b' }, 'one');
  await rig.inLine('b', 2);
  const { failure } = await untangled([
    { nester, flow: 'one', wait, has: 1 },
    { nester, flow: 'two', wait: enter(nester, { name: 'a' }, 'two'), has: 1 },
  ]);
  expect(failure.circle.map(({ waitsFor }) => waitsFor).sort()).toEqual(['a', 'b']);
});

describe('a process of two tasks with nothing else to do', () => {
  /** Both of its tasks have said what they keep, once it was seen that there is nothing else. */
  async function settled(line: string, keeps: string): Promise<void> {
    await until(`who waits for ${line} keeps ${keeps}`, async () => {
      const { entries } = (await rig.store.snapshot(line)) ?? { entries: [] };
      const waits = entries.filter(({ state }) => state === 'waiting').map((entry) => entry.keeps);
      return waits.some(({ held, waits }) => waits === 2 && held.some(({ name }) => name === keeps));
    });
  }

  test('what one of them waits for is no way out of a circle that the other is in', async () => {
    const room = { name: 'room/2', permits: 2 };
    const [one, outside] = (await rig.startNesters(2)) as [Nester, Nester];
    await enter(one, { name: 'b' });
    await enter(one, room);
    await enter(outside, room);
    const ends = ended<string[]>('two-tasks', ['owned:a,b', 'owned:x,room/2']);
    await settled('b', 'a');
    await settled('room/2', 'x');
    // Whoever has the other permit may give it back, but that helps nobody in the circle.
    const answer = await enter(one, { name: 'a' });
    for (let times = answer.is === 'in' ? 3 : 2; times > 0; times--) await leave(one);
    await leave(outside);
    const [first, second] = await ends;
    expect(second).toBe('in');
    expect([answer.is === 'failed' ? answer.code : 'in', first].sort()).toEqual(['DEADLOCK', 'in']);
  });

  test('a cycle through both is reported, though it is only known of one what it holds', async () => {
    const one = await rig.startNester();
    await enter(one, { name: 'b' });
    const ends = ended<string[]>('two-tasks', ['owned:a,b', 'plain:c,a']);
    await settled('b', 'c');
    await settled('a', 'c');
    const answer = await enter(one, { name: 'c' });
    await leave(one);
    if (answer.is === 'in') await leave(one);
    expect([answer.is === 'failed' ? answer.code : 'in', ...(await ends)].sort()).toEqual(['DEADLOCK', 'in', 'in']);
  });

  test('a waiter for the other one, which is in no cycle, gets no error', async () => {
    const outside = await rig.startNester();
    await enter(outside, { name: 'b' });
    const ends = ended<string[]>('two-tasks', ['owned:a,b', 'plain:c,a']);
    await settled('b', 'c');
    await settled('a', 'c');
    await anotherCircleIsTold();
    await leave(outside);
    expect(await ends).toEqual(['in', 'in']);
  });
});

describe('a semaphore', () => {
  const room = { name: 'room', permits: 2 };

  /** One who has a permit waits for a lock, and who has the lock for a permit. The other permit is free's. */
  async function nearlyDeadlocked() {
    const [one, two, free] = (await rig.startNesters(3)) as [Nester, Nester, Nester];
    await enter(one, room);
    await enter(free, room);
    await enter(two, { name: 'lock' });
    const lockWait = enter(one, { name: 'lock' });
    await rig.inLine('lock', 2);
    const roomWait = enter(two, room);
    await rig.inLine('room', 3);
    const parties: Party[] = [
      { nester: one, wait: lockWait, has: 1 },
      { nester: two, wait: roomWait, has: 1 },
    ];
    return { parties, free };
  }

  test('is part of a deadlock when all its holders are, and not before', async () => {
    const { parties, free } = await nearlyDeadlocked();
    // Whoever holds the other permit may give it back.
    await anotherCircleIsTold();
    expect((await rig.semaphore('room', 2).inspect()).entries).toHaveLength(3);
    // Now it waits as well.
    await untangled([...parties, { nester: free, wait: enter(free, { name: 'lock' }), has: 1 }]);
  });

  test('that gets a permit back was in no deadlock', async () => {
    const { parties, free } = await nearlyDeadlocked();
    await leave(free);
    const [one, two] = parties as [Party, Party];
    expect(await two.wait).toEqual(within);
    await leave(two.nester);
    await leave(two.nester);
    expect(await one.wait).toEqual(within);
  });
});

test('a reader that wants to write what it reads gets an error: it waits for itself', async () => {
  const [reader, other] = (await rig.startNesters(2)) as [Nester, Nester];
  await enter(reader, { name: 'index', mode: 'shared' });
  await enter(other, { name: 'index', mode: 'shared' });
  expect(await enter(reader, { name: 'index', mode: 'exclusive' })).toMatchObject({
    ...deadlock,
    message: expect.stringContaining('this process waits for a resource that it holds itself'),
  });
});

test('two readers that want to write what the other reads get an error', async () => {
  const [one, two] = (await rig.startNesters(2)) as [Nester, Nester];
  await enter(one, { name: 'a', mode: 'shared' });
  await enter(two, { name: 'b', mode: 'shared' });
  const wait = enter(one, { name: 'b', mode: 'exclusive' });
  await rig.inLine('b', 2);
  const { failure } = await untangled([
    { nester: one, wait, has: 1 },
    { nester: two, wait: enter(two, { name: 'a', mode: 'exclusive' }), has: 1 },
  ]);
  expect(failure.circle.map(({ pid }) => pid).sort()).toEqual([one.pid, two.pid].sort());
});

test('a reader behind a waiting writer is in a circle with the reader before it', async () => {
  const [reader, writer, behind] = (await rig.startNesters(3)) as [Nester, Nester, Nester];
  await enter(reader, { name: 'index', mode: 'shared' });
  await enter(behind, { name: 'lock' });
  const written = enter(writer, { name: 'index', mode: 'exclusive' });
  await rig.inLine('index', 2);
  // It would read beside the reader, but not past the writer.
  const read = enter(behind, { name: 'index', mode: 'shared' });
  await rig.inLine('index', 3);
  const { pid, failure } = await untangled([
    { nester: reader, wait: enter(reader, { name: 'lock' }), has: 1 },
    { nester: writer, wait: written, has: 0 },
    { nester: behind, wait: read, has: 1 },
  ]);
  // Never the writer: it holds nothing.
  expect(pid).not.toBe(writer.pid);
  expect(failure.circle.map(({ waitsFor }) => waitsFor).sort()).toEqual(['index', 'lock']);
});

test('who stands far back in a line, and holds what its holder needs, is in a circle with it', async () => {
  const [holder, first, second] = (await rig.startNesters(3)) as [Nester, Nester, Nester];
  await enter(holder, { name: 'a' });
  await enter(second, { name: 'b' });
  const firstWait = enter(first, { name: 'a' });
  await rig.inLine('a', 2);
  const secondWait = enter(second, { name: 'a' });
  await rig.inLine('a', 3);
  const { pid } = await untangled([
    { nester: holder, wait: enter(holder, { name: 'b' }), has: 1 },
    { nester: first, wait: firstWait, has: 0 },
    { nester: second, wait: secondWait, has: 1 },
  ]);
  expect(pid).not.toBe(first.pid);
});

describe('a circle in which somebody is killed', () => {
  test('is none, and is not reported afterwards', async () => {
    const [one, two, three] = (await rig.startNesters(3)) as [Nester, Nester, Nester];
    await enter(one, { name: 'a' });
    await enter(two, { name: 'b' });
    const waited = enter(one, { name: 'b' });
    await rig.inLine('b', 2);
    // Stopped in mid-circle before it is closed, it is no obstacle once it is dead.
    process.kill(two.pid, 'SIGSTOP');
    const behind = enter(three, { name: 'b' });
    await rig.inLine('b', 3);
    await two.kill('SIGKILL');
    expect(await waited).toEqual(within);
    await leave(one);
    expect(await behind).toEqual(within);
  });

  test('with plain acquire, of which nothing is known here, goes on', async () => {
    const [one, two] = await rig.startMany(2);
    if (!one || !two) throw new Error('no agents');
    await one.acquire({ name: 'a' }, 'first');
    await two.acquire({ name: 'b' }, 'first');
    const waited = one.acquire({ name: 'b' }, 'second');
    await rig.inLine('b', 2);
    void two.acquire({ name: 'a' }, 'second').catch(() => undefined);
    await rig.inLine('a', 2);
    // Their channels could bring them something to do, so nothing is certain.
    await anotherCircleIsTold();
    await rig.inLine('a', 2);
    await two.kill('SIGKILL');
    await waited;
  });
});

describe('at a table of many processes with two tasks each', () => {
  const processes = 4;

  async function dine(order: 'sorted' | 'random' | 'mixed', ms: number): Promise<Dinner[]> {
    const directory = path.join(rig.root, 'table');
    fs.mkdirSync(directory);
    for (let fork = 0; fork < 4; fork++) fs.writeFileSync(path.join(directory, `fork.${fork}`), '0');
    const dinners = await Promise.all(
      Array.from({ length: processes }, (_, seat) =>
        ended<Dinner>('philosopher', [`${ms}`, order, `${seat}`, directory]),
      ),
    );
    const counted = [0, 1, 2, 3].map((fork) => Number(fs.readFileSync(path.join(directory, `fork.${fork}`), 'utf8')));
    const meals = dinners.reduce((sum, dinner) => sum + dinner.meals, 0);
    expect(counted.reduce((sum, count) => sum + count)).toBe(2 * meals);
    expect(dinners.map(({ wrong }) => wrong)).toEqual(dinners.map(() => []));
    expect(meals).toBeGreaterThan(0);
    for (let fork = 0; fork < 4; fork++) await rig.inLine(`fork.${fork}`, 0);
    return dinners;
  }

  test('philosophers who take forks in one order never get a DeadlockError', async () => {
    const dinners = await dine('sorted', 1_500);
    console.log(`sorted: ${dinners.map(({ meals }) => meals).join(' ')} meals`);
    expect(dinners.flatMap(({ told }) => told)).toEqual([]);
  });

  test.each(['random', 'mixed'] as const)(
    'who takes them in any order is told, and every wait ends: %s',
    async (order) => {
      const dinners = await dine(order, 1_200);
      console.log(`${order}: ${dinners.map(({ meals, told }) => `${meals} meals, ${told.length} told`).join('; ')}`);
      expect(dinners.flatMap(({ told }) => told).length).toBeGreaterThan(0);
    },
  );
});
