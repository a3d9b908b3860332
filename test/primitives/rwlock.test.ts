import fs from 'node:fs';
import path from 'node:path';
import { RWLock } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AgentProcess, Rig } from '../support/process-rig.ts';

const shared = { name: 'index', mode: 'shared' } as const;
const exclusive = { name: 'index', mode: 'exclusive' } as const;
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

async function agents<const N extends number>(count: N): Promise<AgentProcess[]> {
  return rig.startMany(count);
}

function states(): Promise<string[]> {
  return rig
    .lock('index')
    .inspect()
    .then(({ entries }) => entries.map(({ state, ask }) => `${state} ${ask === 0 ? 'shared' : 'exclusive'}`));
}

test('readers hold together; a writer waits for all of them, and they for it', async () => {
  const [one, two, writer] = (await agents(3)) as [AgentProcess, AgentProcess, AgentProcess];
  await one.acquire(shared);
  await two.acquire(shared);
  const written = writer.acquire(exclusive);
  await rig.inLine('index', 3);
  expect(await states()).toEqual(['holding shared', 'holding shared', 'waiting exclusive']);
  await one.release();
  expect(await states()).toEqual(['holding shared', 'waiting exclusive']);
  await two.release();
  await written;
  expect(await one.ask({ do: 'tryAcquire', resource: shared, as: 'lease' })).toEqual({ is: 'refused' });
});

test('a reader that comes after a waiting writer waits behind it: no writer starves, and no reader', async () => {
  const [reader, writer, late, last] = (await agents(4)) as [AgentProcess, AgentProcess, AgentProcess, AgentProcess];
  await reader.acquire(shared);
  const written = writer.acquire(exclusive);
  await rig.inLine('index', 2);
  expect(await late.ask({ do: 'tryAcquire', resource: shared, as: 'lease' })).toEqual({ is: 'refused' });
  const lateRead = late.acquire(shared);
  await rig.inLine('index', 3);
  const lastRead = last.acquire(shared);
  await rig.inLine('index', 4);
  expect(await states()).toEqual(['holding shared', 'waiting exclusive', 'waiting shared', 'waiting shared']);
  await reader.release();
  await written;
  expect(await states()).toEqual(['holding exclusive', 'waiting shared', 'waiting shared']);
  await writer.release();
  await Promise.all([lateRead, lastRead]);
  expect(await states()).toEqual(['holding shared', 'holding shared']);
});

test('a killed reader does not keep a writer out, nor a killed writer the readers', async () => {
  const [reader, writer, next] = (await agents(3)) as [AgentProcess, AgentProcess, AgentProcess];
  await reader.acquire(shared);
  const written = writer.acquire(exclusive);
  await rig.inLine('index', 2);
  await reader.kill('SIGKILL');
  await written;
  const read = next.acquire(shared);
  await rig.inLine('index', 2);
  await writer.kill('SIGKILL');
  await read;
});

test('a Lock of the same name is its exclusive mode', async () => {
  const [plain, reader] = (await agents(2)) as [AgentProcess, AgentProcess];
  await plain.acquire({ name: 'index' });
  expect(await reader.ask({ do: 'tryAcquire', resource: shared, as: 'lease' })).toEqual({ is: 'refused' });
  await plain.release();
  await reader.acquire(shared);
  expect(await plain.ask({ do: 'tryAcquire', resource: { name: 'index' }, as: 'lease' })).toEqual({ is: 'refused' });
});

test('every way of asking takes a mode, and exclusive is the default', async () => {
  const lock = new RWLock('index', { store: rig.store });
  for (const mode of ['shared', 'exclusive', undefined] as const) {
    const options = mode === undefined ? {} : { mode };
    const leases = [
      await lock.acquire(options),
      mode === 'shared' ? await lock.tryAcquire(options) : null,
      mode === 'shared' ? lock.acquireSync(options) : null,
      mode === 'shared' ? lock.tryAcquireSync(options) : null,
    ];
    expect(leases.filter(Boolean)).toHaveLength(mode === 'shared' ? 4 : 1);
    expect(lock.tryAcquireSync()).toBeNull();
    for (const lease of leases) await lease?.release();
    expect(await lock.withLock(({ token }) => token > 0, options)).toBe(true);
  }
});

test('an unknown mode is an error at once', async () => {
  const lock = new RWLock('index', { store: rig.store });
  for (const mode of ['read', 'toString', 1, null] as never[]) {
    await expect(lock.acquire({ mode })).rejects.toMatchObject({ code: 'MISUSE' });
    await expect(lock.withLock(() => 1, { mode })).rejects.toThrow(/'exclusive' or 'shared'/);
    expect(() => lock.acquireSync({ mode })).toThrow(/'exclusive' or 'shared'/);
  }
  expect(await rig.store.names()).toEqual([]);
});

test('readers and writers in many processes never meet, by their marks and by a plain counter', async () => {
  const directory = path.join(rig.root, 'marks');
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, 'counter'), '0');
  const all = await agents(6);
  const times = 40;
  const visits = all.map((agent, at) =>
    agent.ask({ do: at % 3 === 0 ? 'write' : 'read', resource: at % 3 === 0 ? exclusive : shared, directory, times }),
  );
  expect(await Promise.all(visits)).toEqual(all.map(() => ({ is: 'visited', overlaps: 0 })));
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe(String(2 * times));
  expect(fs.readdirSync(directory)).toEqual(['counter']);
});
