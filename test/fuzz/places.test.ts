import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN } from '../support/cli-rig.ts';
import { Sandbox } from './sandbox.ts';

/** Things that stand where a store has something else. Whoever meets them must not hang, nor follow them. */

const LIBRARY = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));
/** A hang guard. */
const DEADLINE_MS = 20_000;

type Thing = (place: string, bait: string) => void;

function mknod(place: string): void {
  // Only root may; else it is a case like no file at all.
  if (process.getuid?.() === 0) execFileSync('mknod', [place, 'c', '1', '3']);
}

const THINGS: Record<string, Thing> = {
  'a link to a directory outside': (place, bait) => fs.symlinkSync(bait, place),
  'a link to a file outside': (place, bait) => fs.symlinkSync(path.join(bait, 'journal.1'), place),
  'a link to nothing': (place, bait) => fs.symlinkSync(path.join(bait, 'nothing'), place),
  'a link to itself': (place) => fs.symlinkSync(place, place),
  'a FIFO': (place) => void execFileSync('mkfifo', [place]),
  'a directory': (place) => fs.mkdirSync(place, { mode: 0o700 }),
  'a device': mknod,
  garbage: (place) => fs.writeFileSync(place, Buffer.alloc(3_000, 0xa5)),
  nothing: () => undefined,
  'an empty file': (place) => fs.writeFileSync(place, ''),
  'a huge file': (place) => {
    fs.writeFileSync(
      place,
      '["lockstep",2,{"name":"x","kind":"lock","permits":1,"last":0,"token":0,"value":0,"entries":[]}]',
    );
    fs.truncateSync(place, 2 ** 42);
  },
};

const PLACES = [
  '',
  'resources',
  'sessions',
  'beats',
  'resources/x',
  'resources/x/journal.1',
  'resources/x/journal.999999999999999',
  'beats/x',
];

const PROGRAM = `
  import { createInterface } from 'node:readline';
  import { Counter, heartbeat, Lock, openStore } from ${JSON.stringify(LIBRARY)};
  const operations = {
    status: async (store) => { for (const name of await store.names()) await store.snapshot(name); },
    look: (store) => new Lock('x', { store }).inspect(),
    lock: async (store) => { const lease = await new Lock('x', { store }).acquire({ timeout: 50 }); await lease.release(); },
    sync: (store) => new Lock('x', { store }).tryAcquireSync()?.releaseSync(),
    count: (store) => new Counter('other', { store }).add(1),
    beat: (store) => {
      const beat = heartbeat('x', { store });
      const { failure } = beat;
      beat.stop();
      if (failure) throw failure;
    },
  };
  for await (const place of createInterface({ input: process.stdin })) {
    const outcomes = {};
    for (const [name, operation] of Object.entries(operations)) {
      try {
        await operation(openStore(place));
        outcomes[name] = 'ok';
      } catch (error) {
        outcomes[name] = error.code ?? error.stack;
      }
    }
    console.log(JSON.stringify(outcomes));
  }`;

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
  const one = sandbox.open();
  one.disk.leave(one.enter('first'));
  sandbox.close();
});
afterEach(() => sandbox.end());

function put(place: string, thing: string): void {
  const full = path.join(sandbox.store, place);
  fs.rmSync(full, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(full), { recursive: true, mode: 0o700 });
  THINGS[thing]?.(full, path.join(sandbox.root, 'bait'));
}

/** One process that does everything with one store after the other. */
class User {
  readonly #child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  readonly #answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();

  async use(store: string): Promise<Record<string, string>> {
    this.#child.stdin.write(`${store}\n`);
    const guard = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS);
    const { value, done } = await this.#answers.next();
    clearTimeout(guard);
    if (done) throw new Error('it hung, or ended');
    return JSON.parse(value) as Record<string, string>;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

describe('whatever stands in the place of a part of a store', () => {
  let user: User;
  beforeEach(() => {
    user = new User();
  });
  afterEach(() => user.end());

  test.each(PLACES)('%s: every operation is done or refused, soon, and nothing outside is touched', async (place) => {
    const told: Record<string, unknown> = {};
    for (const thing of Object.keys(THINGS)) {
      put(place, thing);
      const outcomes = await user.use(sandbox.store);
      told[thing] = outcomes;
      for (const outcome of Object.values(outcomes))
        expect(outcome).toMatch(/^(ok|STORE_\w+|CONFIG_MISMATCH|LOCK_TIMEOUT)$/);
      expect(sandbox.isUntouchedOutside, `${thing} in the place of ${place}`).toBe(true);
      const opened = { nothing: 'ok', 'a link to a directory outside': place === 'beats/x' ? 'ok' : 'refused' }[thing];
      // Of a process, a store is one for good: what it has open is compared with what is there.
      if (opened === 'ok' && place !== '') expect(outcomes).toMatchObject({ look: 'ok' });
      if (opened === 'refused') expect(Object.values(outcomes)).toContain('STORE_UNSAFE');
    }
    put(place, 'nothing');
    expect(Object.values(await user.use(sandbox.store))).toEqual(Array(6).fill('ok'));
  });

  test('a socket in the place of a journal is refused', async () => {
    const server = createServer();
    fs.rmSync(sandbox.journal);
    await new Promise<void>((resolve) => server.listen(sandbox.journal, resolve));
    expect(await user.use(sandbox.store)).toMatchObject({ lock: 'STORE_UNSAFE', sync: 'STORE_UNSAFE', count: 'ok' });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a key in a journal that would lead out of the store', () => {
  const KEYS = ['a.lock/../../../bait/journal', 'a.lock/../../../bait/.next.old', '../x', 'x\\u0000y'];

  test.each(KEYS)('%s: nothing there is touched, judged or removed', (key) => {
    const [one] = [sandbox.open()];
    const start = [process.pid, process.pid, 1, ...one.disk.presence.session.wire.slice(3)];
    for (const facts of [JSON.stringify(start), '[7,7,7,"elsewhere",7,"h"]']) {
      for (const pid of ['7', String(process.pid)])
        fs.mkdirSync(path.join(sandbox.store, 'sessions', `${pid}-a.lock`), { recursive: true });
      fs.appendFileSync(sandbox.journal, `\n["enter","${key}:1",${facts},1,1,"x"]`);
    }
    one.seen();
    for (const { ticket } of one.disk.snapshot('x')?.entries ?? [])
      one.disk.evict('x', ticket, { reason: 'r', by: 'b' });
    const waiter = one.enter('waiter');
    one.disk.wait(waiter, 2_000);
    expect(sandbox.isUntouchedOutside).toBe(true);
  });
});

function lockstep(...args: string[]): { status: number; stderr: string } {
  try {
    const env = { ...process.env, LOCKSTEP_DIR: sandbox.store };
    execFileSync(process.execPath, [MAIN, ...args], { env, stdio: 'pipe', timeout: DEADLINE_MS });
    return { status: 0, stderr: '' };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: Buffer };
    return { status, stderr: String(stderr) };
  }
}

describe('the command line on a store that lies', () => {
  const COMMANDS = [['status'], ['run', '-n', 'x', '--', 'true'], ['break', 'x'], ['monitor', '--once']];
  const CASES: Array<[string, string]> = [
    ['resources/x/journal.1', 'a FIFO'],
    ['resources/x/journal.1', 'garbage'],
    ['resources/x', 'a link to a directory outside'],
    ['beats', 'a link to itself'],
    ['beats/x', 'garbage'],
    ['sessions', 'a FIFO'],
    ['', 'a FIFO'],
  ];

  test.each(CASES)('with %s replaced by %s it ends with an exit code of its own, and says why', (place, thing) => {
    put(place, thing);
    for (const command of COMMANDS) {
      const { status, stderr } = lockstep(...command);
      expect([0, 1, 64, 74, 75]).toContain(status);
      expect(stderr).not.toContain('a bug');
      if (status === 74) expect(stderr).toMatch(/^lockstep: .+\.\n$/);
    }
    expect(sandbox.isUntouchedOutside).toBe(true);
  });

  test('a FIFO or a directory in the place of a JSON file is refused, and is not waited for', () => {
    execFileSync('mkfifo', [path.join(sandbox.root, 'fifo.json')]);
    fs.mkdirSync(path.join(sandbox.root, 'directory.json'));
    for (const file of ['fifo.json', 'directory.json']) {
      const { status, stderr } = lockstep('edit', path.join(sandbox.root, file), '--', 'cat');
      expect(status).toBe(74);
      expect(stderr).toMatch(/it is a (FIFO, a socket or a device|directory), not a file/);
    }
  });

  test('names that are none are not shown, and fail nothing', () => {
    fs.mkdirSync(path.join(sandbox.store, 'resources', 'not~ours'));
    fs.writeFileSync(
      path.join(sandbox.store, 'resources', 'not~ours', 'journal.1'),
      '["lockstep",2,{"name":"","kind":"lock","permits":1,"last":0,"token":0,"value":0,"entries":[]}]',
    );
    for (const name of ['.hidden', '%2e%2e', 'a b', '%ff', '~'])
      fs.mkdirSync(path.join(sandbox.store, 'resources', name));
    expect(lockstep('status', '--all')).toEqual({ status: 0, stderr: '' });
  });
});
