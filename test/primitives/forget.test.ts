import fs from 'node:fs';
import path from 'node:path';
import { Event, Lock, openStore, Semaphore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

const store = () => openStore(rig.directory);
const directoryOf = (name: string) => path.join(rig.directory, 'resources', name);

test('processes that use a name while another one forgets it never overlap, and lose no update', async () => {
  const section = rig.section();
  const agents = await rig.startMany(3);
  let forgotten = 0;
  let visits = 0;
  // In a round there may be no moment at which nobody is in line.
  for (let round = 0; round < 100 && forgotten < 20; round++) {
    let isOver = false;
    const answers = Promise.all(
      agents.map((agent) =>
        agent.ask({ do: 'visit', resource: { name: 'deploy' }, directory: section, slots: 1, times: 5 }),
      ),
    ).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      if ((await store().forget('deploy')) === 'forgotten') forgotten += 1;
      await new Promise(setImmediate);
    }
    for (const answer of await answers) expect(answer).toEqual({ is: 'visited', overlaps: 0 });
    visits += 15;
  }
  expect(forgotten).toBeGreaterThanOrEqual(20);
  expect(fs.readFileSync(path.join(section, 'counter'), 'utf8')).toBe(String(visits));
  expect(await store().forget('deploy')).not.toBe('in use');
  expect(fs.existsSync(directoryOf('deploy'))).toBe(false);
});

test('a forgotten name leaves no directory, and its tokens go on growing', async () => {
  const lock = rig.lock('deploy');
  const tokens: number[] = [];
  for (let round = 0; round < 3; round++) {
    const lease = await lock.acquire();
    tokens.push(lease.token);
    expect(await store().forget('deploy')).toBe('in use');
    await lease.release();
    expect(await store().forget('deploy')).toBe('forgotten');
    expect(fs.existsSync(directoryOf('deploy'))).toBe(false);
  }
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  expect(await store().names()).toEqual([]);
});

test('a process that has a name open goes on with it after another one forgot it', async () => {
  const [agent] = await rig.startMany(1);
  const resource = { name: 'deploy' };
  const first = await agent?.acquire(resource);
  await agent?.ask({ do: 'release', as: 'lease' });
  expect(await store().forget('deploy')).toBe('forgotten');
  const second = await agent?.acquire(resource);
  expect(second).toBeGreaterThan(first as number);
  expect((await store().snapshot('deploy'))?.entries).toHaveLength(1);
});

test('a name may become another kind of resource', async () => {
  const options = { store: rig.directory };
  await new Semaphore('deploy', 4, options).withPermits(() => undefined);
  await expect(new Lock('deploy', options).acquire()).rejects.toMatchObject({ code: 'CONFIG_MISMATCH' });
  await store().forget('deploy');
  const lease = await new Lock('deploy', options).acquire();
  await lease.release();
  await store().forget('deploy');
  await new Event('deploy', options).set();
  expect(await store().forget('deploy', { idleMs: 0 })).toBe('in use');
  expect(await store().forget('deploy')).toBe('forgotten');
});

describe('a name to which nothing was written for so long', () => {
  test('is forgotten, and one that was used since is not', async () => {
    for (const name of ['old', 'new']) await rig.lock(name).withLock(() => undefined);
    const monthAgo = Date.now() / 1000 - 31 * 86_400;
    for (const file of fs.readdirSync(directoryOf('old')))
      fs.utimesSync(path.join(directoryOf('old'), file), monthAgo, monthAgo);
    const idleMs = 30 * 86_400_000;
    expect(await store().forget('old', { idleMs })).toBe('forgotten');
    expect(await store().forget('new', { idleMs })).toBe('in use');
    expect(await store().names()).toEqual(['new']);
  });

  test('is idle for no time at all where the clock of its file system is ahead', async () => {
    await rig.lock('ahead').withLock(() => undefined);
    const inAMinute = Date.now() / 1000 + 60;
    for (const file of fs.readdirSync(directoryOf('ahead')))
      fs.utimesSync(path.join(directoryOf('ahead'), file), inAMinute, inAMinute);
    expect(await store().forget('ahead', { idleMs: 1 })).toBe('in use');
    expect(await store().forget('ahead', { idleMs: 0 })).toBe('forgotten');
  });
});

describe('a semaphore that is opened with another number', () => {
  test('has it from then on, where that is asked for and nobody uses it', async () => {
    const options = { store: rig.directory };
    await new Semaphore('pool', 4, options).withPermits(() => undefined);
    await expect(new Semaphore('pool', 6, options).acquire()).rejects.toMatchObject({ code: 'CONFIG_MISMATCH' });
    const lease = await new Semaphore('pool', 6, { ...options, resize: true }).acquire({ permits: 6 });
    await expect(new Semaphore('pool', 4, { ...options, resize: true }).acquire()).rejects.toMatchObject({
      code: 'CONFIG_MISMATCH',
    });
    await lease.release();
    const again = await new Semaphore('pool', 6, options).acquire();
    expect(again.token).toBeGreaterThan(lease.token);
    await again.release();
  });
});
