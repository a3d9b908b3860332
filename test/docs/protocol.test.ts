import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { LockManager } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Monitor } from '../../lib/heartbeat/monitor.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import { directoryOf } from '../../lib/stores/open-store.ts';
import { Rig, until } from '../support/process-rig.ts';
import { DOCS, hasPython, type Python, python as startPython } from './python.ts';

/** The same visits to a section as those of `fixtures/programs/agent.ts`, made by docs/client.py. */
const VISITOR = `
import os, sys
from client import Lock
store, directory, times = sys.argv[1:]
lock = Lock(store, "deploy")
lock.rotate_bytes = 500
slot, counter, overlaps = directory + "/slot.0", directory + "/counter", 0
for time in range(int(times)):
    lock.acquire()
    try:
        os.close(os.open(slot, os.O_CREAT | os.O_EXCL))
        taken = True
    except FileExistsError:
        taken = False
        overlaps += 1
    count = int(open(counter).read())
    os.sched_yield()
    open(counter, "w").write(str(count + 1))
    if taken: os.unlink(slot)
    lock.release()
lock.close()
print(overlaps)
`;

/** A client that does what it is told, line by line, and says what came of it. */
const HAND = `
import sys
from client import Lock
lock = Lock(sys.argv[1], "deploy")
lock.rotate_bytes = int(sys.argv[2])
orders = {"acquire": lock.acquire, "steal": lambda: lock.acquire(steal=True), "held": lock.held, "release": lock.release, "key": lambda: lock.key}
for order in sys.stdin:
    try:
        print(orders[order.strip()](), flush=True)
    except OSError as error:
        print(error, flush=True)
`;

let rig: Rig;
let clients: Python[];

beforeEach(() => {
  clients = [];
});

afterEach(async () => {
  for (const { child } of clients) child.kill('SIGKILL');
  await rig.stop();
});

function python(...args: string[]): Python {
  const started = startPython(...args);
  clients.push(started);
  return started;
}

function client(name: string): Python {
  return python(path.join(DOCS, 'client.py'), rig.directory, name);
}

/** It seals an epoch of more bytes than these. */
function hand(rotateBytes = 100_000): Python {
  return python('-c', HAND, rig.directory, String(rotateBytes));
}

test('the listing in the protocol page is the client that these tests run', () => {
  rig = new Rig();
  const page = fs.readFileSync(path.join(DOCS, 'protocol.md'), 'utf8');
  const listing = /```python\n([\s\S]*?)\n```/.exec(page)?.[1] ?? 'none';
  const indented = listing.replace(/^(?=.)/gm, '    ');
  expect(fs.readFileSync(path.join(DOCS, 'client.py'), 'utf8')).toContain(indented);
});

test.skipIf(!hasPython)('a client written after the protocol page and the library exclude each other', async () => {
  // Rotating often, so that both make epochs that the other must read.
  rig = new Rig({ rotateBytes: 500 });
  const directory = rig.section();
  const agents = await rig.startMany(2);
  const visitors = [1, 2].map(() => python('-c', VISITOR, rig.directory, directory, '60'));
  const visits = agents.map((agent) =>
    agent.ask({ do: 'visit', resource: { name: 'deploy' }, directory, slots: 1, times: 60 }),
  );
  for (const { line } of visitors) expect(await line()).toBe('0');
  for (const answer of await Promise.all(visits)) expect(answer).toEqual({ is: 'visited', overlaps: 0 });
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('240');
});

test.skipIf(!hasPython)('each waits for the other in line, and is woken in turn', async () => {
  rig = new Rig();
  const [agent] = await rig.startMany(1);
  const first = client('deploy');
  const token = Number(await first.line());
  const waiting = agent?.acquire({ name: 'deploy' });
  await rig.inLine('deploy', 2);
  const second = client('deploy');
  await rig.inLine('deploy', 3);
  first.child.stdin?.end();
  const next = (await waiting) ?? 0;
  expect(next).toBeGreaterThan(token);
  await agent?.release();
  expect(Number(await second.line())).toBeGreaterThan(next);
});

test.skipIf(!hasPython)('the client refuses a guarded store, and leaves nothing in it', () => {
  rig = new Rig();
  fs.mkdirSync(rig.directory, { recursive: true });
  fs.writeFileSync(path.join(rig.directory, 'guarded'), '');
  const { status, stderr } = spawnSync('python3', ['-B', path.join(DOCS, 'client.py'), rig.directory, 'deploy']);
  expect(status).toBe(1);
  expect(String(stderr)).toContain('is a guarded store');
  expect(fs.readdirSync(rig.directory)).toEqual(['guarded']);
});

test.skipIf(!hasPython)('each puts the other out of the line when it was killed', async () => {
  rig = new Rig();
  const [agent] = await rig.startMany(1);
  const killed = client('deploy');
  await killed.line();
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  await agent?.acquire({ name: 'deploy' });
  const waiter = client('deploy');
  await rig.inLine('deploy', 2);
  if (agent) agent.leavesTraces = true;
  await agent?.kill('SIGKILL');
  expect(Number(await waiter.line())).toBeGreaterThan(0);
  expect(rig.records('deploy').filter(([verb]) => verb === 'evict')).toHaveLength(2);
});

test.skipIf(!hasPython)(
  'the library steals from a client, before those of both kinds that wait, and tokens grow',
  async () => {
    rig = new Rig();
    const [agent] = await rig.startMany(1);
    const victim = hand();
    const taken = Number(await victim.ask('acquire'));
    const inAgent = agent?.acquire({ name: 'deploy' }) ?? Promise.reject();
    await rig.inLine('deploy', 2);
    const waiter = hand();
    const inClient = waiter.ask('acquire');
    await rig.inLine('deploy', 3);
    const { entries } = await new LockManager({ store: rig.store }).request('deploy', { steal: true }, async () => {
      expect(await victim.ask('held')).toBe('False');
      expect(await victim.ask('release')).toBe('the lease was lost');
      return rig.lock('deploy').inspect();
    });
    expect(entries.map(({ state }) => state)).toEqual(['holding', 'waiting', 'waiting']);
    const [thief] = entries;
    const second = await inAgent;
    await agent?.release();
    const tokens = [taken, thief?.token ?? 0, second, Number(await inClient)];
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    // They came before the thief, so it is not their tickets that grew.
    expect(entries.at(-1)?.ticket).toBeLessThan(thief?.ticket ?? 0);
  },
);

test.skipIf(!hasPython)(
  'a client steals from the library, whose holder is notified, and whose waiter is next',
  async () => {
    rig = new Rig();
    const [victim, waiter] = await rig.startMany(2);
    const taken = (await victim?.acquire({ name: 'deploy' })) ?? 0;
    await victim?.ask({ do: 'watch', as: 'lease' });
    const waiting = waiter?.acquire({ name: 'deploy' });
    await rig.inLine('deploy', 2);
    const thief = hand();
    const stolen = Number(await thief.ask('steal'));
    expect(stolen).toBeGreaterThan(taken);
    expect(await victim?.report('lost')).toMatchObject({ reason: expect.stringContaining('stolen (by pid') });
    expect(await victim?.ask({ do: 'release', as: 'lease' })).toMatchObject({ is: 'failed', code: 'LEASE_LOST' });
    expect((await rig.lock('deploy').inspect()).entries.map(({ state }) => state)).toEqual(['holding', 'waiting']);
    await thief.ask('release');
    expect(await waiting).toBeGreaterThan(stolen);
  },
);

test.skipIf(!hasPython)('an epoch that a client makes keeps tokens, owners and what waiters keep', async () => {
  rig = new Rig();
  const { store } = rig;
  const agent = await rig.start();
  const config = { kind: 'lock', permits: 1 };
  const join = (label: string, steal = false) =>
    store.join('deploy', config, { ask: 1, label, onlyIfGranted: false, steal });
  const keeps = { held: [{ name: 'other', ticket: 7 }], waits: 2 };
  await join('victim');
  const waiter = await join('waiter');
  await store.keep(waiter, keeps);
  const thief = await join('thief', true);
  await store.adopt(waiter, agent.pid, { handOver: false });
  await store.adopt(thief, agent.pid, { handOver: true });
  // Nobody but the client looks at the journal meanwhile, so the next epoch is its own work.
  const last = hand(0);
  const inClient = last.ask('acquire');
  const journal = (epoch: number) => path.join(rig.directory, 'resources', 'deploy', `journal.${epoch}`);
  await until('the client has made the next epoch', () => fs.existsSync(journal(2)));
  const [first, ...records] = linesOf(journal(1));
  const line = new Line(first?.[2], NO_OBSERVER);
  for (const record of records) line.apply(record as unknown as JournalRecord);
  expect(records.at(-1)?.[0]).toBe('seal');
  expect(linesOf(journal(2))).toEqual([['lockstep', 2, line.header()]]);

  const view = await rig.lock('deploy').inspect();
  expect(view.entries.map(({ label, token }) => [label, token])).toEqual([
    ['thief', thief.token],
    ['waiter', 0],
    ['client.py', 0],
  ]);
  expect(view.entries[1]?.keeps).toEqual(keeps);
  await store.evict('deploy', thief.ticket, { reason: 'the test is done', by: 'the test' });
  await store.refresh(waiter);
  expect(waiter).toMatchObject({ state: 'holding' });
  expect(waiter.token).toBeGreaterThan(thief.token);
  await store.leave(waiter);
  expect(Number(await inClient)).toBeGreaterThan(waiter.token);
});

function linesOf(file: string): unknown[][] {
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => JSON.parse(line) as unknown[]);
}

/** A reporter after section 13: begins, and then beats, marks its end or dies as it is told on its input. */
const REPORTER = `
import json, os, sys, time
store, name = sys.argv[1:]
place, own = f"{store}/beats/{name}", f"{store}/beats/.next.py1"
os.makedirs(f"{store}/beats", mode=0o700, exist_ok=True)
stat = open("/proc/self/stat").read()
facts = [os.getpid(), os.getpid(), int(stat[stat.rindex(")") + 2:].split()[19]),
         open("/proc/sys/kernel/random/boot_id").read().strip(),
         int(os.readlink("/proc/self/ns/pid")[5:-1]), os.uname().nodename]
line = {"lockstep": "beat", "version": 1, "name": name, "key": "py1", "facts": facts, "every": 20,
        "since": int(time.time() * 1000), "label": "a snake"}
fd = os.open(own, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY | os.O_APPEND, 0o600)
os.write(fd, json.dumps(line).encode())
os.rename(own, place)
print("begun", flush=True)
for order in sys.stdin:
    if order == "beat\\n": os.utime(fd)
    else: os.write(fd, b"\\n" + json.dumps({"state": "failed", "code": 7, "at": int(time.time() * 1000)}).encode())
    print("done", flush=True)
`;

test.skipIf(!hasPython)('a monitor understands a reporter written after the protocol page', async () => {
  rig = new Rig();
  fs.mkdirSync(rig.directory, { mode: 0o700 });
  const { child, line } = python('-c', REPORTER, rig.directory, 'snake');
  expect(await line()).toBe('begun');
  const monitor = new Monitor({ host: nodeHost, directory: directoryOf(rig.directory), names: [], maxAgeMs: 100 });
  const states = () => monitor.look().map(({ state, reason }) => `${state} ${reason}`);
  await until('it is late', () => states()[0]?.startsWith('late') ?? false);
  child.stdin?.write('beat\n');
  expect(await line()).toBe('done');
  expect(states()).toEqual(['alive ']);
  child.stdin?.write('end\n');
  expect(await line()).toBe('done');
  expect(states()).toEqual(['gone it failed with exit code 7']);
  const next = python('-c', REPORTER, rig.directory, 'snake');
  await next.line();
  next.child.kill('SIGKILL');
  await once(next.child, 'exit');
  expect(states()).toEqual(['gone its process is gone']);
});
