import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Lock, type LockManagerSnapshot, openStore, RWLock } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isStopped, MAIN } from '../support/cli-rig.ts';
import { until } from '../support/process-rig.ts';
import { type Requester, type RequesterProcess, RequesterRig } from '../support/requester.ts';

// The rules of the Web Locks API, between processes that share nothing but the store's directory.

let rig: RequesterRig;
let commands: ChildProcess[];

beforeEach(() => {
  rig = new RequesterRig();
  commands = [];
});

afterEach(async () => {
  await Promise.all(commands.map(ended));
  expect(await rig.stop()).toEqual([]);
});

async function ended(command: ChildProcess): Promise<void> {
  command.stdin?.end();
  if (command.exitCode === null && command.signalCode === null) await once(command, 'exit');
}

async function clients<const N extends number>(
  count: N,
): Promise<[RequesterProcess, RequesterProcess, ...RequesterProcess[]]> {
  return (await rig.startMany(count)) as [RequesterProcess, RequesterProcess, ...RequesterProcess[]];
}

/** The client that the test itself is. */
function store() {
  return openStore(rig.directory);
}

/** `lockstep …`, with an open input. */
function lockstep(...args: string[]): ChildProcess {
  const env = { ...process.env, LOCKSTEP_DIR: rig.directory };
  const command = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'inherit'], env });
  commands.push(command);
  return command;
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('it has no output');
  const [line] = await once(createInterface(stdout), 'line');
  return line as string;
}

test('an exclusive lock is held by one process at a time, and the grants come in the order of the requests', async () => {
  const [one, two, three] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  expect(await one.called('first', 'deploy')).toEqual({ name: 'deploy', mode: 'exclusive' });
  await two.request('second', 'deploy');
  await three.request('third', 'deploy');
  await one.request('fourth', 'deploy');
  const turns: Array<[Requester, string, Requester, string]> = [
    [one, 'first', two, 'second'],
    [two, 'second', three, 'third'],
    [three, 'third', one, 'fourth'],
  ];
  for (const [holder, as, next, after] of turns) {
    expect(next.has('called', after)).toBe(false);
    expect(await holder.finish(as, `by ${as}`)).toBe(`by ${as}`);
    await next.next('called', after);
  }
  expect(await one.finish('fourth')).toBe('');
  expect(await two.line('deploy')).toEqual([[], []]);
});

test('shared holders of several processes hold together, and one who shares does not overtake a writer that waits', async () => {
  const [one, two, three] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  await one.called('r1', 'index', { mode: 'shared' });
  await two.called('r2', 'index', { mode: 'shared' });
  await three.request('w', 'index');
  await one.request('r3', 'index', { mode: 'shared' });
  expect(await two.line('index')).toEqual([
    ['shared', 'shared'],
    ['exclusive', 'shared'],
  ]);
  await one.finish('r1');
  expect(await two.line('index')).toEqual([['shared'], ['exclusive', 'shared']]);
  await two.finish('r2');
  await three.next('called', 'w');
  expect(one.has('called', 'r3')).toBe(false);
  await three.finish('w');
  await one.next('called', 'r3');
  await one.finish('r3');
});

test('a request that is settled has released before: another process sees it free, and gets it, at once', async () => {
  const [one, two] = await clients(2);
  for (let round = 0; round < 20; round++) {
    await one.called('held', 'deploy');
    expect(await two.called('early', 'deploy', { ifAvailable: true })).toBeNull();
    await two.finish('early');
    await one.finish('held');
    expect(await two.line('deploy')).toEqual([[], []]);
    expect(await two.called('late', 'deploy', { ifAvailable: true })).not.toBeNull();
    await two.finish('late');
  }
});

test('ifAvailable gives null when another process holds, or waits before, and leaves nothing pending', async () => {
  const [one, two, three] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  await one.called('r', 'index', { mode: 'shared' });
  expect(await two.called('r', 'index', { mode: 'shared', ifAvailable: true })).toEqual({
    name: 'index',
    mode: 'shared',
  });
  await three.request('w', 'index');
  expect(await two.called('try', 'index', { mode: 'shared', ifAvailable: true })).toBeNull();
  expect(await one.line('index')).toEqual([['shared', 'shared'], ['exclusive']]);
  await two.finish('try');
  await Promise.all([one.finish('r'), two.finish('r')]);
  await three.next('called', 'w');
  await three.finish('w');
});

test('an abort while pending rejects with its reason, and those of other processes behind it move up', async () => {
  const [one, two, three] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  await one.called('r', 'index', { mode: 'shared' });
  await two.request('w', 'index', {}, true);
  await three.request('r', 'index', { mode: 'shared' });
  two.order({ do: 'abort', as: 'w', reason: 'changed my mind' });
  expect(await two.next('rejected', 'w')).toMatchObject({ error: 'Error', message: 'changed my mind' });
  await three.next('called', 'r');
  expect(await two.line('index')).toEqual([['shared', 'shared'], []]);
  expect(two.has('called', 'w')).toBe(false);
  await Promise.all([one.finish('r'), three.finish('r')]);
});

test('steal takes the lock from another process, which is notified at once though its callback still runs', async () => {
  const [victim, thief, third] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  await victim.called('held', 'deploy');
  await third.request('pending 1', 'deploy');
  await victim.request('pending 2', 'deploy');
  expect(await thief.called('stolen', 'deploy', { steal: true })).toEqual({ name: 'deploy', mode: 'exclusive' });
  expect(await victim.next('rejected', 'held')).toMatchObject({ error: 'AbortError' });
  expect(victim.has('ended', 'held')).toBe(false);
  // Its end, with a value that nobody gets, is not the thief's.
  victim.order({ do: 'finish', as: 'held', value: 'ignored' });
  await victim.next('ended', 'held');
  expect(await third.line('deploy')).toEqual([['exclusive'], ['exclusive', 'exclusive']]);
  expect(await thief.finish('stolen', 'thief')).toBe('thief');
  await third.next('called', 'pending 1');
  expect(victim.has('called', 'pending 2')).toBe(false);
  await third.finish('pending 1');
  await victim.next('called', 'pending 2');
  await victim.finish('pending 2');
  expect(victim.has('resolved', 'held')).toBe(false);
});

test('steal takes it from shared holders of several processes, and from a thief; each holder has a newer fencing token', async () => {
  const [one, two, three] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  const tokens: number[] = [];
  const note = async () => {
    const entries = (await store().snapshot('deploy'))?.entries ?? [];
    tokens.push(Math.max(...entries.map(({ token }) => token)));
  };
  await one.called('r', 'deploy', { mode: 'shared' });
  await two.called('r', 'deploy', { mode: 'shared' });
  await note();
  await one.request('pending', 'deploy');
  await three.called('thief', 'deploy', { steal: true });
  await note();
  for (const victim of [one, two]) expect(await victim.next('rejected', 'r')).toMatchObject({ error: 'AbortError' });
  await two.called('second thief', 'deploy', { steal: true });
  await note();
  expect(await three.next('rejected', 'thief')).toMatchObject({ error: 'AbortError' });
  expect(await three.line('deploy')).toEqual([['exclusive'], ['exclusive']]);
  await two.finish('second thief');
  await one.next('called', 'pending');
  await note();
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  await one.finish('pending');
});

test('every process queries the same, with one clientId for each process', async () => {
  const [one, two, three] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  await one.called('a', 'a');
  await two.called('b', 'b', { mode: 'shared' });
  await one.called('b', 'b', { mode: 'shared' });
  await two.request('a', 'a', { mode: 'shared' });
  await three.request('a', 'a');
  await one.request('b again', 'b');
  const snapshots = await Promise.all([one, two, three].map((client) => client.query()));
  const [{ held, pending }] = snapshots as [LockManagerSnapshot, ...LockManagerSnapshot[]];
  expect(snapshots).toEqual(Array(3).fill({ held, pending }));
  const facts = (infos: typeof held) => infos.map(({ name, mode }) => `${name} ${mode}`);
  expect(facts(held)).toEqual(['a exclusive', 'b shared', 'b shared']);
  expect(facts(pending)).toEqual(['a shared', 'a exclusive', 'b exclusive']);
  const ids = [...held, ...pending].map(({ clientId }) => clientId);
  const [first, second, , , third] = ids;
  expect(ids).toEqual([first, second, first, second, third, first]);
  expect(new Set(ids).size).toBe(3);
});

test('a process that is killed frees what it held, and its pending requests vanish from query', async () => {
  const [killed, next, witness] = (await clients(3)) as [RequesterProcess, RequesterProcess, RequesterProcess];
  await killed.called('a', 'a');
  await killed.called('b', 'b', { mode: 'shared' });
  await witness.called('c', 'c');
  await killed.request('c', 'c');
  await next.request('a', 'a');
  await next.request('c', 'c');
  expect((await witness.query()).pending.map(({ name }) => name)).toEqual(['a', 'c', 'c']);
  await killed.kill();
  await next.next('called', 'a');
  // Of what nobody waits for, the dead entry may still stand in its line: query does not show it.
  const { held, pending } = await witness.query();
  expect(held.map(({ name }) => name)).toEqual(['a', 'c']);
  expect(pending.map(({ name }) => name)).toEqual(['c']);
  expect(await next.called('b', 'b', { ifAvailable: true })).not.toBeNull();
  await witness.finish('c');
  await next.next('called', 'c');
});

test('a process that exits within its callback frees what it held', async () => {
  const [leaver, next] = await clients(2);
  await leaver.called('held', 'deploy');
  await next.request('pending', 'deploy');
  leaver.order({ do: 'exit', as: '', code: 3 });
  await next.next('called', 'pending');
  expect(await next.finish('pending', 'in')).toBe('in');
});

test('a worker thread is a client of its own, and frees what it held when it is terminated', async () => {
  const { requester: thread, worker } = await rig.startThread();
  const [other] = await clients(1);
  await thread.called('held', 'deploy');
  await other.request('pending', 'deploy');
  const mine = await new Lock('mine', { store: store() }).acquire();
  const { held } = await other.query();
  expect(held.map(({ name }) => name)).toEqual(['deploy', 'mine']);
  // The test's own session is another one, in the same process.
  expect(new Set(held.map(({ clientId }) => clientId)).size).toBe(2);
  await mine.release();
  await worker.terminate();
  await other.next('called', 'pending');
});

test.skipIf(process.platform !== 'linux')(
  'a process that is stopped keeps its lock and its place in line',
  async () => {
    const [stopped, other] = await clients(2);
    await stopped.called('held', 'a');
    await other.called('held', 'b');
    await stopped.request('pending', 'b');
    stopped.signal('SIGSTOP');
    await until('it is stopped', () => isStopped(stopped.pid));
    expect(await other.called('try', 'a', { ifAvailable: true })).toBeNull();
    await other.finish('held');
    expect(await other.called('try again', 'b', { ifAvailable: true })).toBeNull();
    expect(await other.line('b')).toEqual([['exclusive'], []]);
    expect(stopped.has('called', 'pending')).toBe(false);
    stopped.signal('SIGCONT');
    await stopped.next('called', 'pending');
    expect(await stopped.finish('held', 'kept')).toBe('kept');
  },
);

test('two processes that wait for each other: one gets a DeadlockError, and the other its lock', async () => {
  const [one, two] = await clients(2);
  one.order({ do: 'requestWithin', as: 'ab', within: 'a', name: 'b' });
  two.order({ do: 'requestWithin', as: 'ba', within: 'b', name: 'a' });
  await one.next('called', 'ab');
  await two.next('called', 'ba');
  one.order({ do: 'finish', as: 'ab', value: '' });
  await until('one waits', async () => (await one.line('b'))[1].length === 1);
  two.order({ do: 'finish', as: 'ba', value: '' });
  expect(await two.next('rejected', 'ba')).toMatchObject({ error: 'DeadlockError' });
  expect((await one.next('resolved', 'ab')).value).toBe('b');
});

test('the same name is the same lock for Lock, RWLock and lockstep run', async () => {
  const [one] = await clients(1);
  const run = lockstep('run', 'deploy', '--', 'sh', '-c', 'echo in; read -r _');
  expect(await firstLine(run)).toBe('in');
  expect(await one.called('try', 'deploy', { ifAvailable: true })).toBeNull();
  expect(await one.line('deploy')).toEqual([['exclusive'], []]);
  await one.request('reader', 'deploy', { mode: 'shared' });
  await ended(run);
  await one.next('called', 'reader');
  const shared = lockstep('run', 'deploy', '-s', '--', 'sh', '-c', 'echo in; read -r _');
  expect(await firstLine(shared)).toBe('in');
  const readers = new RWLock('deploy', { store: store() });
  const lease = await readers.acquire({ mode: 'shared' });
  expect(await one.line('deploy')).toEqual([['shared', 'shared', 'shared'], []]);
  expect(await new Lock('deploy', { store: store() }).tryAcquire()).toBeNull();
  await lease.release();
  await ended(shared);
  await one.finish('reader');
});

test('the clientId of lockstep run is one, while its command adopts the lock', async () => {
  const [one] = await clients(1);
  const run = lockstep('run', 'deploy', '--', 'sh', '-c', 'echo in; read -r _');
  expect(await firstLine(run)).toBe('in');
  const [entry] = (await store().snapshot('deploy'))?.entries ?? [];
  expect(entry?.owners.length).toBe(2);
  expect((await one.query()).held).toEqual([
    { name: 'deploy', mode: 'exclusive', clientId: entry?.owners[0]?.session },
  ]);
  await ended(run);
});

test('lockstep break takes the lock away: the request rejects with AbortError though its callback still runs', async () => {
  const [one, next] = await clients(2);
  await one.called('held', 'deploy');
  await next.request('pending', 'deploy');
  execFileSync(process.execPath, [MAIN, 'break', 'deploy'], { env: { ...process.env, LOCKSTEP_DIR: rig.directory } });
  expect(await one.next('rejected', 'held')).toMatchObject({ error: 'AbortError' });
  expect(one.has('ended', 'held')).toBe(false);
  await next.next('called', 'pending');
  one.order({ do: 'fail', as: 'held', message: 'ignored' });
  await one.next('ended', 'held');
  expect(await next.line('deploy')).toEqual([['exclusive'], []]);
  await next.finish('pending');
});

test('callbacks in many processes never meet, by a mark that only one can make and by a plain counter', async () => {
  const directory = path.join(rig.root, 'section');
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, 'counter'), '0');
  const all = await clients(4);
  for (const client of all) client.order({ do: 'visit', as: 'visit', name: 'deploy', directory, times: 25 });
  for (const client of all) expect((await client.next('resolved', 'visit')).value).toBe(0);
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('100');
});
