import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Monitor } from '../../lib/monitor.ts';
import { nodeHost } from '../../lib/node-host.ts';
import { directoryOf } from '../../lib/open-store.ts';
import { Rig, until } from '../process/rig.ts';

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));
const hasPython = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;
/** The same visits to a section as those of `fixtures/agent.ts`, made by docs/client.py. */
const VISITOR = `
import os, sys
from client import Lock
store, directory, times = sys.argv[1:]
lock = Lock(store, "deploy")
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

let rig: Rig;
let clients: ChildProcess[];

beforeEach(() => {
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.kill('SIGKILL');
  await rig.stop();
});

interface Client {
  child: ChildProcess;
  /** Its next line of output. */
  line: () => Promise<string>;
}

function python(...args: string[]): Client {
  const env = { ...process.env, PYTHONPATH: DOCS, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'], env });
  clients.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value ?? '' };
}

function client(name: string): Client {
  return python(path.join(DOCS, 'client.py'), rig.directory, name);
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
  rig = new Rig({ rotateBytes: 2_000 });
  const directory = path.join(rig.root, 'section');
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, 'counter'), '0');
  const agents = await rig.startMany(2);
  const visitors = [1, 2].map(() => python('-c', VISITOR, rig.directory, directory, '60'));
  const visits = agents.map((agent) =>
    agent.ask({ do: 'visit', resource: { name: 'deploy' }, directory, slots: 1, times: 60 }),
  );
  for (const { line } of visitors) expect(await line()).toBe('0');
  for (const answer of await Promise.all(visits)) expect(answer).toEqual({ is: 'visited', overlaps: 0 });
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('240');
});

test.skipIf(!hasPython)('each waits for the other in line, and is told in turn', async () => {
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
