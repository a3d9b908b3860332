import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openMonitor } from '../../lib/heartbeat/index.ts';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Counter,
  Event,
  heartbeat,
  JsonFile,
  Lock,
  LockManager,
  MisuseError,
  openStore,
  openStoreBeside,
  Process,
  RLock,
  RWLock,
  Semaphore,
} from '../../lib/index.ts';
import { temporaryDirectory } from '../support/tape.ts';

let directory: string;
let store: string;
beforeEach(() => {
  directory = temporaryDirectory();
  store = path.join(directory, 'store');
});

/** Arguments as a program without types passes them. */
// biome-ignore lint/suspicious/noExplicitAny: they must be wrong
const wrong = (value: unknown): any => value;

const acquirables: Record<string, () => Lock> = {
  Lock: () => new Lock('a', { store }),
  RLock: () => new RLock('a', { store }),
  RWLock: () => wrong(new RWLock('a', { store })),
  Semaphore: () => wrong(new Semaphore('a', 2, { store })),
  BoundedSemaphore: () => wrong(new BoundedSemaphore('a', 2, { store })),
};

async function messageOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(MisuseError);
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe.each(Object.entries(acquirables))('%s refuses what would have no effect:', (_, make) => {
  test.each([
    [5_000, 'acquire takes its options as an object, not 5000: write acquire({ timeout: 5000 })'],
    ['5s', "acquire takes its options as an object, not '5s': write acquire({ timeout: 5000 })"],
    [null, 'acquire takes its options as an object, not null'],
    [[5_000], 'acquire takes its options as an object, not an array'],
    [() => undefined, 'acquire takes its options as an object, not a function'],
    [AbortSignal.timeout(60_000), 'not a signal alone: write acquire({ signal })'],
    [{ tiemout: 5 }, "acquire has no option 'tiemout': did you mean timeout?"],
    [{ timeoutMs: 5 }, "acquire has no option 'timeoutMs': did you mean timeout?"],
    [{ wait: 5 }, "acquire has no option 'wait': did you mean timeout?"],
    [Object.create({ tiemout: 5 }), "acquire has no option 'tiemout'"],
    [{ frob: 1 }, "acquire has no option 'frob'. It takes timeout, signal, label, detectDeadlock and owner"],
    [{ signal: new AbortController() }, 'signal must be an AbortSignal: write controller.signal'],
    [{ signal: 5 }, 'signal must be an AbortSignal'],
    [{ detectDeadlock: 'no' }, "detectDeadlock must be true or false, not 'no'"],
    [{ owner: {} }, 'owner must be an Owner'],
  ])('acquire(%j)', async (options, message) => {
    const text = await messageOf(() => make().acquire(wrong(options)));
    expect(
      text.replace(/, (mode|permits) and owner|detectDeadlock, owner and \w+/, 'detectDeadlock and owner'),
    ).toContain(message);
    expect(() => make().acquireSync(wrong(options))).toThrow(MisuseError);
    expect(() => make().tryAcquireSync(wrong(options))).toThrow(MisuseError);
    await expect(make().tryAcquire(wrong(options))).rejects.toThrow(MisuseError);
    expect(fs.existsSync(store)).toBe(false);
  });

  test('a timeout of what does not wait', async () => {
    const message = "has no option 'timeout', because it does not wait: acquire({ timeout }) does";
    expect(await messageOf(() => make().tryAcquire(wrong({ timeout: 5 })))).toContain(message);
    expect(await messageOf(() => make().tryAcquireSync(wrong({ timeout: 5 })))).toContain(message);
  });

  test('a signal for a wait that blocks its thread', async () => {
    const { signal } = new AbortController();
    expect(await messageOf(() => make().acquireSync({ signal }))).toContain('give a timeout instead');
  });
});

test('an option of another kind of lock is refused, and said where it belongs', async () => {
  const lock = new Lock('a', { store });
  expect(await messageOf(() => lock.acquire(wrong({ mode: 'shared' })))).toContain('RWLock has modes');
  expect(await messageOf(() => lock.acquire(wrong({ permits: 2 })))).toContain('Semaphore has permits');
  await expect(new RWLock('a', { store }).acquire(wrong({ permits: 2 }))).rejects.toThrow("no option 'permits'");
  await expect(new Semaphore('a', 2, { store }).acquire(wrong({ mode: 'shared' }))).rejects.toThrow("no option 'mode'");
});

const MAKERS: Array<[string, (options: unknown) => unknown]> = [
  ['new Lock(name', (options) => new Lock('a', wrong(options))],
  ['new RLock(name', (options) => new RLock('a', wrong(options))],
  ['new RWLock(name', (options) => new RWLock('a', wrong(options))],
  ['new Event(name', (options) => new Event('a', wrong(options))],
  ['new Counter(name', (options) => new Counter('a', wrong(options))],
  ['new Condition(name', (options) => new Condition('a', wrong(options))],
  ['new Semaphore(name, permits', (options) => new Semaphore('a', 2, wrong(options))],
  ['new BoundedSemaphore(name, permits', (options) => new BoundedSemaphore('a', 2, wrong(options))],
  ['new Barrier(name, parties', (options) => new Barrier('a', 2, wrong(options))],
  ['new JsonFile(file', (options) => new JsonFile('a.json', wrong(options))],
  ['new LockManager(', (options) => new LockManager(wrong(options))],
];

describe.each(MAKERS)('%s, …)', (call, make) => {
  test('takes a store by name only, and refuses what is none', async () => {
    const name = call.replace(/\(.*/, '');
    const before = call.endsWith('(') ? call : `${call}, `;
    expect(await messageOf(() => make('/dir'))).toBe(
      `${name} takes its options as an object, not '/dir': write ${before}{ store: '/dir' })`,
    );
    expect(await messageOf(() => make(openStore(store)))).toContain(`write ${before}{ store })`);
    expect(await messageOf(() => make(null))).toContain('as an object, not null');
    expect(await messageOf(() => make({ stroe: store }))).toContain(
      `${name} has no option 'stroe': did you mean store?`,
    );
    expect(await messageOf(() => make({ store: 5 }))).toContain('store must be a store, as openStore() returns it');
    expect(await messageOf(() => make({ store: null }))).toContain('store must be a store');
    expect(await messageOf(() => make({ store: '~/locks' }))).toContain("no shell has expanded its '~'");
    expect(await messageOf(() => make({ store: '$HOME/locks' }))).toContain("no shell has expanded its '$'");
    expect(await messageOf(() => make({ store: '' }))).toContain('must not be an empty string');
  });
});

test.each<[string, () => unknown, string]>([
  ['Event.wait', () => new Event('a', { store }).wait(wrong(50)), 'wait({ timeout: 50 })'],
  ['Event.wait', () => new Event('a', { store }).wait(wrong({ tiemout: 5 })), 'did you mean timeout?'],
  ['Barrier.wait', () => new Barrier('a', 2, { store }).wait(wrong({ tiemout: 5 })), 'did you mean timeout?'],
  ['Barrier.wait', () => new Barrier('a', 2, { store }).wait({ signal: wrong({}) }), 'must be an AbortSignal'],
  ['Condition.wait', () => new Condition('a', { store }).wait(wrong(50)), 'wait({ timeout: 50 })'],
  ['Condition.waitFor', () => new Condition('a', { store }).waitFor(wrong({})), 'waitFor takes a function first'],
  ['Condition.waitFor', () => new Condition('a', { store }).waitFor(() => true, wrong(50)), '{ timeout: 50 }'],
  ['Condition.notify', () => new Condition('a', { store }).notify(1, wrong({ lock: 1 })), "no option 'lock'"],
  ['Condition.notifyAll', () => new Condition('a', { store }).notifyAll(wrong(1)), 'as an object, not 1'],
  ['Condition.acquire', () => new Condition('a', { store }).acquire(wrong(null)), 'as an object, not null'],
  ['Condition, its lock', () => new Condition('a', { store, lock: wrong('b') }), 'lock must be a Lock'],
  ['Semaphore, resize', () => new Semaphore('a', 2, { store, resize: wrong('yes') }), 'resize must be true or false'],
  ['withLock', () => new Lock('a', { store }).withLock(wrong({ timeout: 5 })), 'withLock takes a function first'],
  ['withPermits', () => new Semaphore('a', 2, { store }).withPermits(wrong(undefined)), 'a function first'],
  ['JsonFile.update', () => new JsonFile('a', { store }).update(wrong({ count: 1 })), 'update takes a function first'],
  [
    'JsonFile.update',
    () => new JsonFile('a', { store }).update((v) => v, wrong({ allowNewOwners: 1 })),
    'allowNewOwner?',
  ],
  ['JsonFile.update', () => new JsonFile('a').update((v) => v, { allowNewOwner: wrong('x') }), 'true or false'],
  ['heartbeat', () => heartbeat('a', wrong(800)), 'heartbeat(name, { interval: 800 })'],
  ['heartbeat', () => heartbeat('a', wrong({ store, intervall: 800 })), 'did you mean interval?'],
  ['openMonitor', () => openMonitor(wrong({ store, name: 'a' })), 'did you mean names?'],
  ['openMonitor', () => openMonitor(wrong({ store, names: 'a' })), 'names must be an array'],
  ['openStore', () => openStore(store, wrong({ share: true })), 'did you mean shared?'],
  ['openStore', () => openStore(store, { guarded: wrong('yes') }), 'guarded must be true or false'],
  ['openStore', () => openStore(wrong({ store })), 'the store directory must be a path, not object'],
  ['openStore', () => openStore('a\0b'), 'NUL'],
  ['openStoreBeside', () => openStoreBeside(wrong(undefined)), 'takes the path of a file'],
  ['Store.forget', () => openStore(store).forget('a', wrong({ idle: 5 })), 'did you mean idleMs?'],
  ['Store.forget', () => openStore(store).forget('a', { idleMs: wrong('30d') }), 'idleMs must be a number'],
  ['Process', () => new Process(wrong({ command: ['true'], deamon: true })), 'did you mean daemon?'],
  ['Process', () => new Process(wrong(undefined)), 'as an object, not undefined'],
  ['Process.join', () => new Process({ command: ['true'] }).join(wrong(500)), 'join({ timeout: 500 })'],
  ['request', () => new LockManager({ store }).request('a', wrong({ timeout: 5 }), () => 1), "no option 'timeout'"],
])('%s: %s is refused', async (_, call, message) => {
  expect(await messageOf(call)).toContain(message);
  expect(fs.existsSync(store)).toBe(false);
});

test('a pid that is no number is refused, and the lease stays', async () => {
  await using lease = await new Lock('a', { store }).acquire();
  for (const pid of [undefined, '42', 0, -1, 1.5, {}]) {
    expect(await messageOf(() => lease.adopt(wrong(pid)))).toContain('pid must be the number of a process');
    expect(await messageOf(() => lease.handOver(wrong(pid)))).toContain('pid must be the number of a process');
  }
  await lease.assertHeld();
});

test('what is right is not refused: null for a signal as fetch has it, options of a class, undefined', async () => {
  class Options {
    get timeout() {
      return 50;
    }
  }
  for (const options of [{}, undefined, new Options(), { timeout: undefined }, { signal: null }, Object.create(null)])
    await (await new Lock('a', { store }).acquire(wrong(options))).release();
});

describe('a relative path of a store', () => {
  test('is where it was when the object was made, whatever the working directory becomes', async () => {
    const before = process.cwd();
    fs.mkdirSync(path.join(directory, 'sub'));
    process.chdir(directory);
    try {
      const [one, other] = [new Lock('a', { store: './locks' }), new Lock('a', { store: './locks' })];
      const file = new JsonFile('a.json', { store: './locks' });
      const manager = new LockManager({ store: './locks' });
      fs.writeFileSync('a.json', '{}');
      await using _lease = await one.acquire();
      process.chdir('sub');
      expect(await other.tryAcquire()).toBe(null);
      expect(await manager.request('a', { ifAvailable: true }, (lock) => lock)).toBe(null);
      expect(file.lock.store.place).toBe(fs.realpathSync(path.join(directory, 'locks')));
      expect(fs.readdirSync('.')).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });
});
