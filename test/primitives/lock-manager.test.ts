import { getEventListeners } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import {
  DeadlockError,
  type GrantedLock,
  LeaseLostError,
  Lock,
  type LockInfo,
  LockManager,
  type LockRequestOptions,
  locks,
  Owner,
  RWLock,
  Semaphore,
} from '../../lib/index.ts';
import { Session } from '../../lib/session/session.ts';

// The rules of the Web Locks API, in one process: each client has a session of its own in the same store.

interface Client {
  locks: LockManager;
  store: DiskStore;
  disk: DiskStore;
}

let root: string;
let clients: Client[];
let one: Client;
let other: Client;
/** What nobody caught, and what Node warned of, during a test. Both must stay empty. */
let complaints: unknown[];

const complain = (complaint: unknown) => complaints.push(complaint);

function client(): Client {
  const directory = openStoreDirectory(nodeHost, path.join(root, 'store'));
  const disk = new DiskStore({ host: nodeHost, session: new Session(nodeHost), directory, heartbeatMs: 0 });
  const store = disk;
  const made = { locks: new LockManager({ store }), store, disk };
  clients.push(made);
  return made;
}

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-web-locks-'));
  clients = [];
  complaints = [];
  process.on('unhandledRejection', complain);
  process.on('warning', complain);
  one = client();
  other = client();
});

afterEach(async () => {
  for (const { disk } of clients) {
    for (const name of disk.names()) {
      for (const { ticket } of disk.snapshot(name)?.entries ?? [])
        disk.evict(name, ticket, { reason: 'over', by: 'test' });
    }
  }
  // Node tells of rejections and warnings after the microtasks.
  await turn();
  await turn();
  process.off('unhandledRejection', complain);
  process.off('warning', complain);
  for (const { disk } of clients) disk.presence.withdraw();
  fs.rmSync(root, { recursive: true, maxRetries: 10, retryDelay: 20 });
  expect(complaints).toEqual([]);
});

/** One turn of the event loop, in which all that is settled by now is told. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A request whose callback ends when the test says so. */
class Asked {
  /** What the callback was given, once it was called. */
  readonly called: Promise<GrantedLock | null>;
  readonly result: Promise<unknown>;
  calls = 0;
  settled = false;
  #finish: (value: unknown) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor({ locks: manager }: Client, name: string, options: LockRequestOptions = {}) {
    const work = new Promise<unknown>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    work.catch(() => undefined);
    let call: (lock: GrantedLock | null) => void = () => undefined;
    this.called = new Promise((resolve) => {
      call = resolve;
    });
    this.result = manager.request(name, options, (lock) => {
      this.calls += 1;
      call(lock);
      return work;
    });
    const settle = () => {
      this.settled = true;
    };
    this.result.then(settle, settle);
  }

  async finish(value?: unknown): Promise<unknown> {
    this.#finish(value);
    return this.result;
  }

  /** Lets the callback end, when its request is settled already. */
  async endLate(value?: unknown): Promise<void> {
    this.#finish(value);
    await turn();
  }

  async fail(error: unknown): Promise<void> {
    this.#fail(error);
    await turn();
  }
}

/** A request that holds when this resolves. */
async function held(by: Client, name: string, options: LockRequestOptions = {}): Promise<Asked> {
  const asked = new Asked(by, name, options);
  expect(await asked.called).not.toBeNull();
  return asked;
}

/** A name's line, as anybody's query tells it: `held` and `pending` modes, in order. */
async function line(name: string): Promise<{ held: string[]; pending: string[] }> {
  const modes = (infos: LockInfo[]) => infos.filter((info) => info.name === name).map(({ mode }) => mode);
  const { held: holding, pending } = await other.locks.query();
  return { held: modes(holding), pending: modes(pending) };
}

const FREE = { held: [], pending: [] };
const never = () => {
  throw new Error('the callback was called');
};

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`it did not reject, and came to ${value}`);
    },
    (error: unknown) => error,
  );
}

/** The name of the DOMException that it rejects with; fails for any other error. */
async function domException(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(DOMException);
  return (error as DOMException).name;
}

describe('the arguments of request', () => {
  // As a program without types calls it.
  const call = (...args: unknown[]) => (one.locks.request as (...args: unknown[]) => Promise<unknown>)(...args);

  beforeEach(() => {
    one.locks.request = one.locks.request.bind(one.locks);
  });

  test('a callback may follow the name, or the options; undefined and null are options with nothing in them', async () => {
    const mode = (lock: GrantedLock) => lock.mode;
    expect(await call('a', mode)).toBe('exclusive');
    expect(await call('a', {}, mode)).toBe('exclusive');
    expect(await call('a', undefined, mode)).toBe('exclusive');
    expect(await call('a', null, mode)).toBe('exclusive');
    expect(await call('a', { mode: 'shared' }, mode, 'more')).toBe('shared');
    // A function is an object too.
    expect(await call('a', () => 1, mode)).toBe('exclusive');
  });

  test('without a callback that can be called, request rejects with TypeError', async () => {
    const withoutCallback = [[], ['a'], ['a', {}], ['a', null], ['a', undefined], ['a', 'x']];
    const badCallback = [
      ['a', {}, undefined],
      ['a', {}, null],
      ['a', {}, {}],
      ['a', {}, 'x'],
      ['a', () => 1, undefined],
    ];
    for (const args of [...withoutCallback, ...badCallback])
      expect(await rejection(call(...args)), JSON.stringify(args)).toBeInstanceOf(TypeError);
    expect(await one.store.names()).toEqual([]);
  });

  test('options that are no object are a TypeError', async () => {
    for (const options of [1, 0, 'shared', '', true, Symbol('x'), 1n])
      expect(await rejection(call('a', options, never))).toBeInstanceOf(TypeError);
  });

  test('a mode that is none is a TypeError, null and the empty string too', async () => {
    for (const mode of ['Exclusive', 'upgrade', '', null, 1, {}, Symbol('shared'), 'toString'])
      expect(await rejection(call('a', { mode }, never))).toBeInstanceOf(TypeError);
    expect(await call('a', { mode: undefined }, (lock: GrantedLock) => lock.mode)).toBe('exclusive');
    expect(await call('a', { mode: { toString: () => 'shared' } }, (lock: GrantedLock) => lock.mode)).toBe('shared');
  });

  test('a signal that is none is a TypeError, null too', async () => {
    for (const signal of [null, {}, 'x', 1, new AbortController(), { aborted: false, addEventListener: never }])
      expect(await rejection(call('a', { signal }, never))).toBeInstanceOf(TypeError);
    expect(await call('a', { signal: undefined }, () => 1)).toBe(1);
  });

  test('ifAvailable and steal are true if they are truthy', async () => {
    const holder = await held(other, 'a');
    expect(await call('a', { ifAvailable: 1 }, (lock: unknown) => lock)).toBeNull();
    expect(await domException(call('a', { ifAvailable: 1, steal: 'x' }, never))).toBe('NotSupportedError');
    expect(await call('a', { ifAvailable: 0, steal: 'x' }, () => 'stolen')).toBe('stolen');
    expect(await domException(holder.result)).toBe('AbortError');
  });

  test('an option that does not exist is a TypeError, and no request is made', async () => {
    for (const options of [{ timeout: 5 }, { ifavailable: true }, Object.create({ tiemout: 5 })])
      expect(await rejection(call('a', options, never))).toBeInstanceOf(TypeError);
    expect(await one.locks.query()).toEqual({ held: [], pending: [] });
  });

  test('options may be inherited, and each is read once', async () => {
    const holder = await held(other, 'a');
    expect(await call('a', Object.create({ ifAvailable: true }), (lock: unknown) => lock)).toBeNull();
    const reads: string[] = [];
    const options = {};
    for (const key of ['signal', 'steal', 'mode', 'ifAvailable']) {
      const get = () => {
        reads.push(key);
        return key === 'ifAvailable' ? true : undefined;
      };
      Object.defineProperty(options, key, { get });
    }
    expect(await call('a', options, (lock: unknown) => lock)).toBeNull();
    expect(reads).toEqual(['ifAvailable', 'mode', 'signal', 'steal']);
    await holder.finish();
  });

  test('a name becomes a string, once; one that cannot is a rejection', async () => {
    const name = (lock: GrantedLock) => lock.name;
    expect(await call(7, name)).toBe('7');
    expect(await call(null, name)).toBe('null');
    expect(await call(undefined, name)).toBe('undefined');
    let conversions = 0;
    expect(await call({ toString: () => `n${++conversions}` }, name)).toBe('n1');
    expect(await rejection(call(Symbol('a'), never))).toBeInstanceOf(TypeError);
    const thrown = new Error('no name');
    const unable = {
      toString: () => {
        throw thrown;
      },
    };
    expect(await rejection(call(unable, never))).toBe(thrown);
  });

  test('every exception is a rejection: request itself never throws', () => {
    for (const args of [[], ['-a', never], ['', never], [Symbol('a'), never], ['a', { mode: 1 }, never]]) {
      const promise = call(...args);
      expect(promise).toBeInstanceOf(Promise);
      promise.catch(() => undefined);
    }
  });
});

describe('what request refuses', () => {
  const unaborted = () => new AbortController().signal;

  test('a name that begins with a hyphen is a NotSupportedError; one inside or behind is a name', async () => {
    for (const name of ['-', '-a', '--'])
      expect(await domException(one.locks.request(name, never))).toBe('NotSupportedError');
    for (const name of ['a-', 'a-b', ' -a', '−a']) expect(await one.locks.request(name, () => name)).toBe(name);
  });

  test('steal with ifAvailable, steal with shared, and a signal with either are NotSupportedErrors', async () => {
    const refused: LockRequestOptions[] = [
      { steal: true, ifAvailable: true },
      { steal: true, mode: 'shared' },
      { steal: true, signal: unaborted() },
      { ifAvailable: true, signal: unaborted() },
      { steal: true, ifAvailable: true, mode: 'shared', signal: unaborted() },
    ];
    for (const options of refused)
      expect(await domException(one.locks.request('a', options, never))).toBe('NotSupportedError');
    const allowed: LockRequestOptions[] = [
      { steal: true, mode: 'exclusive' },
      { ifAvailable: true, mode: 'shared' },
      { mode: 'shared', signal: unaborted() },
      { steal: false, ifAvailable: false, signal: unaborted() },
    ];
    for (const options of allowed) expect(await one.locks.request('a', options, () => 'in')).toBe('in');
  });

  test('a TypeError comes before a NotSupportedError, and that before the reason of an aborted signal', async () => {
    const signal = AbortSignal.abort('reason');
    const callback = undefined as never;
    const mode = 'none' as never;
    expect(await rejection(one.locks.request('-a', { steal: true, ifAvailable: true }, callback))).toBeInstanceOf(
      TypeError,
    );
    expect(await rejection(one.locks.request('-a', { mode, signal }, never))).toBeInstanceOf(TypeError);
    expect(await domException(one.locks.request('-a', { signal }, never))).toBe('NotSupportedError');
    expect(await domException(one.locks.request('a', { signal, steal: true }, never))).toBe('NotSupportedError');
    expect(await domException(one.locks.request('a', { signal, ifAvailable: true }, never))).toBe('NotSupportedError');
    expect(await rejection(one.locks.request('a', { signal }, never))).toBe('reason');
  });

  test('what is refused leaves no trace in the store', async () => {
    await rejection(one.locks.request('-a', never));
    await rejection(one.locks.request('b', { steal: true, mode: 'shared' }, never));
    await rejection(one.locks.request('c', { signal: AbortSignal.abort() }, never));
    expect(await one.store.names()).toEqual([]);
  });
});

describe('names', () => {
  test('any text is a name of its own: ../x, emoji, NUL, text that begins with a space', async () => {
    const names = [
      '../x',
      'x',
      '.',
      '..',
      '🔒',
      'NUL',
      'nul',
      ' a',
      'a b',
      'a/b',
      'a%2Fb',
      '__proto__',
      'a\nb',
      '\u00e9',
      'e\u0301',
    ];
    const all = await Promise.all(names.map((name) => held(one, name)));
    expect(await Promise.all(all.map(({ called }) => called))).toEqual(
      names.map((name) => ({ name, mode: 'exclusive' })),
    );
    expect((await other.locks.query()).held.map(({ name }) => name).sort()).toEqual([...names].sort());
    await Promise.all(all.map((asked) => asked.finish()));
    expect(fs.readdirSync(root)).toEqual(['store']);
  });

  test('Lockstep refuses what it has no file for, as a TypeError: no bytes, more than 200, a NUL character, half a surrogate', async () => {
    for (const name of ['', 'x'.repeat(201), '🔒'.repeat(51), 'a\0b', '\uD800'])
      expect(await rejection(one.locks.request(name, never))).toBeInstanceOf(TypeError);
    for (const name of ['x'.repeat(200), '🔒'.repeat(50)])
      expect(await one.locks.request(name, (lock) => lock?.name)).toBe(name);
  });

  test('a name that is another kind of resource is refused, and query does not list it', async () => {
    await new Semaphore('ktv', 4, { store: one.store }).acquire();
    expect(await rejection(one.locks.request('ktv', never))).toMatchObject({ code: 'CONFIG_MISMATCH' });
    expect(await one.locks.query()).toEqual(FREE);
  });
});

describe('the callback', () => {
  test('is never called before request has returned', async () => {
    const calls: string[] = [];
    const holder = await held(other, 'taken');
    const requests = [
      one.locks.request('free', () => calls.push('free')),
      one.locks.request('stolen', { steal: true }, () => calls.push('stolen')),
      one.locks.request('available', { ifAvailable: true }, () => calls.push('available')),
      one.locks.request('taken', { ifAvailable: true }, () => calls.push('null')),
    ];
    calls.push('returned');
    await Promise.all(requests);
    expect(calls[0]).toBe('returned');
    expect(calls).toHaveLength(5);
    await holder.finish();
  });

  test('gets a lock with the name and the mode, frozen, and nothing else', async () => {
    for (const mode of ['exclusive', 'shared'] as const) {
      const lock = await one.locks.request('a', { mode }, (granted) => granted);
      expect(lock).toEqual({ name: 'a', mode });
      expect(Object.isFrozen(lock)).toBe(true);
    }
  });

  test('is called once, with one argument and no this', async () => {
    const calls: unknown[][] = [];
    await one.locks.request('a', function (this: unknown, ...args: unknown[]) {
      calls.push([this, ...args]);
    } as () => void);
    expect(calls).toEqual([[undefined, { name: 'a', mode: 'exclusive' }]]);
  });

  test('its value is the result: plain, of a promise, of a thenable, undefined', async () => {
    const value = {};
    expect(await one.locks.request('a', () => value)).toBe(value);
    expect(await one.locks.request('a', async () => value)).toBe(value);
    expect(await one.locks.request('a', () => undefined)).toBeUndefined();
    // biome-ignore lint/suspicious/noThenProperty: this is the thenable that is meant
    const thenable = { then: (resolve: (value: unknown) => void) => resolve(value) };
    expect(await one.locks.request('a', () => thenable as Promise<unknown>)).toBe(value);
  });

  test('what it throws, or its promise rejects with, is the rejection, whatever it is', async () => {
    const thrown = [new Error('x'), new TypeError('y'), 'text', undefined, new DOMException('z', 'AbortError')];
    for (const error of thrown) {
      const throwing = () => {
        throw error;
      };
      expect(await rejection(one.locks.request('a', throwing))).toBe(error);
      expect(await rejection(one.locks.request('a', () => Promise.reject(error)))).toBe(error);
      expect(await rejection(one.locks.request('a', async () => throwing()))).toBe(error);
    }
    expect(await line('a')).toEqual(FREE);
  });

  test('a LeaseLostError of its own is passed on as it is', async () => {
    const error = new LeaseLostError('b', 1, 'broken');
    expect(await rejection(one.locks.request('a', () => Promise.reject(error)))).toBe(error);
  });

  test('what it throws when it was given null is the rejection, too', async () => {
    const holder = await held(other, 'a');
    const error = new Error('not available');
    const throwing = () => {
      throw error;
    };
    expect(await rejection(one.locks.request('a', { ifAvailable: true }, throwing))).toBe(error);
    expect(await rejection(one.locks.request('a', { ifAvailable: true }, async () => throwing()))).toBe(error);
    await holder.finish();
  });
});

describe('a lock is held', () => {
  test('exactly until the promise of its callback settles', async () => {
    const asked = await held(one, 'a');
    await turn();
    expect([await line('a'), asked.settled]).toEqual([{ held: ['exclusive'], pending: [] }, false]);
    expect(await asked.finish('value')).toBe('value');
    expect(await line('a')).toEqual(FREE);
  });

  test('and is free when request settles: whoever looks then sees it, and gets it', async () => {
    const available = () => other.locks.request('a', { ifAvailable: true }, (lock) => lock !== null);
    const ends = [() => 1, async () => 1, () => Promise.reject(new Error('x')), never];
    for (const end of ends) {
      const seen = await one.locks.request<unknown>('a', end).then(available, available);
      expect(seen).toBe(true);
    }
    let during = true;
    await one.locks.request('a', async () => {
      during = await available();
    });
    expect(during).toBe(false);
  });

  test('also while the callback awaits something else, and by the client that has it', async () => {
    const asked = await held(one, 'a');
    expect(await one.locks.request('a', { ifAvailable: true }, (lock) => lock)).toBeNull();
    await asked.fail(new Error('x'));
    expect(await one.locks.request('a', { ifAvailable: true }, (lock) => lock?.mode)).toBe('exclusive');
    expect(await rejection(asked.result)).toMatchObject({ message: 'x' });
  });
});

describe('the order of grants', () => {
  test('is that of the requests, across clients', async () => {
    const third = client();
    const order: number[] = [];
    const holder = await held(one, 'a');
    const requests = [one, other, third, one, third, other].map(({ locks: manager }, at) =>
      manager.request('a', () => {
        order.push(at);
      }),
    );
    expect((await line('a')).pending).toHaveLength(6);
    await holder.finish();
    await Promise.all(requests);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('shared requests hold together, of one client and of several', async () => {
    const readers = [
      await held(one, 'a', { mode: 'shared' }),
      await held(other, 'a', { mode: 'shared' }),
      await held(one, 'a', { mode: 'shared' }),
    ];
    expect(await line('a')).toEqual({ held: ['shared', 'shared', 'shared'], pending: [] });
    await Promise.all(readers.map((reader) => reader.finish()));
  });

  test('an exclusive request waits for every shared holder', async () => {
    const readers = [await held(one, 'a', { mode: 'shared' }), await held(other, 'a', { mode: 'shared' })];
    const writer = new Asked(other, 'a');
    await readers[0]?.finish();
    expect(await line('a')).toEqual({ held: ['shared'], pending: ['exclusive'] });
    expect(writer.calls).toBe(0);
    await readers[1]?.finish();
    expect(await writer.called).toMatchObject({ mode: 'exclusive' });
    await writer.finish();
  });

  test('a shared request behind a pending exclusive one waits; then those in a row get in together', async () => {
    const reader = await held(one, 'a', { mode: 'shared' });
    const writer = new Asked(other, 'a');
    const late = [new Asked(one, 'a', { mode: 'shared' }), new Asked(other, 'a', { mode: 'shared' })];
    const last = new Asked(one, 'a');
    expect(await line('a')).toEqual({ held: ['shared'], pending: ['exclusive', 'shared', 'shared', 'exclusive'] });
    await reader.finish();
    await writer.called;
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: ['shared', 'shared', 'exclusive'] });
    await writer.finish();
    await Promise.all(late.map(({ called }) => called));
    expect(await line('a')).toEqual({ held: ['shared', 'shared'], pending: ['exclusive'] });
    await Promise.all(late.map((asked) => asked.finish()));
    await last.called;
    await last.finish();
  });

  test('names do not wait for each other', async () => {
    const holder = await held(one, 'a');
    expect(await other.locks.request('b', (lock) => lock?.name)).toBe('b');
    await holder.finish();
  });
});

describe('ifAvailable', () => {
  test('gives null when the lock is held in a mode that excludes it, and leaves nothing pending', async () => {
    const holder = await held(one, 'a');
    for (const mode of ['exclusive', 'shared'] as const)
      expect(await other.locks.request('a', { mode, ifAvailable: true }, (lock) => lock)).toBeNull();
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    await holder.finish();
  });

  test('gives null when somebody waits before, though the modes would fit', async () => {
    const reader = await held(one, 'a', { mode: 'shared' });
    const writer = new Asked(other, 'a');
    expect(await one.locks.request('a', { mode: 'shared', ifAvailable: true }, (lock) => lock)).toBeNull();
    expect(await line('a')).toEqual({ held: ['shared'], pending: ['exclusive'] });
    await reader.finish();
    await writer.called;
    await writer.finish();
  });

  test('gives the lock when it can be granted at once, and holds it until the callback ends', async () => {
    const free = await held(one, 'a', { ifAvailable: true });
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    await free.finish();
    const readers = [
      await held(one, 'a', { mode: 'shared' }),
      await held(other, 'a', { mode: 'shared', ifAvailable: true }),
    ];
    expect(await line('a')).toEqual({ held: ['shared', 'shared'], pending: [] });
    await Promise.all(readers.map((reader) => reader.finish()));
  });

  test('a callback that was given null holds nothing while it runs', async () => {
    const holder = await held(one, 'a');
    const without = new Asked(other, 'a', { ifAvailable: true });
    expect(await without.called).toBeNull();
    await holder.finish();
    expect(await one.locks.request('a', { ifAvailable: true }, (lock) => lock?.name)).toBe('a');
    expect(await without.finish('value')).toBe('value');
  });
});

describe('a signal', () => {
  test('that is aborted already rejects with its reason, and the callback is never called', async () => {
    const reason = new Error('reason');
    expect(await rejection(one.locks.request('a', { signal: AbortSignal.abort(reason) }, never))).toBe(reason);
    expect(await domException(one.locks.request('a', { signal: AbortSignal.abort() }, never))).toBe('AbortError');
    expect(await one.store.names()).toEqual([]);
  });

  test('that aborts while pending rejects with its reason, leaves nothing pending, and lets those behind move up', async () => {
    const reader = await held(one, 'a', { mode: 'shared' });
    const abort = new AbortController();
    const writer = new Asked(other, 'a', { signal: abort.signal });
    const late = new Asked(one, 'a', { mode: 'shared' });
    expect(await line('a')).toEqual({ held: ['shared'], pending: ['exclusive', 'shared'] });
    abort.abort('reason');
    expect(await rejection(writer.result)).toBe('reason');
    expect(await line('a')).toEqual({ held: ['shared', 'shared'], pending: [] });
    await late.called;
    await Promise.all([reader.finish(), late.finish()]);
    expect(writer.calls).toBe(0);
  });

  test('that aborts right after request, before the callback could be called, rejects and holds nothing', async () => {
    const abort = new AbortController();
    const result = one.locks.request('a', { signal: abort.signal }, never);
    abort.abort('reason');
    expect(await rejection(result)).toBe('reason');
    expect(await line('a')).toEqual(FREE);
  });

  test('that aborts after the grant does nothing', async () => {
    const abort = new AbortController();
    const asked = await held(one, 'a', { signal: abort.signal });
    abort.abort();
    await turn();
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    expect(await asked.finish('value')).toBe('value');
    const holder = await held(one, 'a');
    const late = new AbortController();
    const waiter = new Asked(other, 'a', { signal: late.signal });
    await holder.finish();
    await waiter.called;
    late.abort();
    expect(await waiter.finish('late')).toBe('late');
  });

  test('that aborts after request has settled does nothing', async () => {
    const abort = new AbortController();
    expect(await one.locks.request('a', { signal: abort.signal }, () => 'value')).toBe('value');
    abort.abort();
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  test('that times out rejects with its TimeoutError', async () => {
    const holder = await held(one, 'a');
    expect(await domException(other.locks.request('a', { signal: AbortSignal.timeout(5) }, never))).toBe(
      'TimeoutError',
    );
    await holder.finish();
  });

  test('that a hundred pending requests share has one listener, ends them all, and is then listened to by nobody', async () => {
    const holder = await held(one, 'a');
    const abort = new AbortController();
    const { signal } = abort;
    const waiters = Array.from({ length: 100 }, (_, at) => new Asked(at % 2 ? one : other, 'a', { signal }));
    await turn();
    expect((await line('a')).pending).toHaveLength(100);
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    abort.abort('reason');
    expect(await Promise.all(waiters.map(({ result }) => rejection(result)))).toEqual(Array(100).fill('reason'));
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await holder.finish();
  });

  test('that a hundred granted requests share is listened to by nobody afterwards', async () => {
    const { signal } = new AbortController();
    const holder = await held(one, 'a');
    const requests = Array.from({ length: 100 }, (_, at) => one.locks.request('a', { signal }, () => at));
    await turn();
    await holder.finish();
    expect(await Promise.all(requests)).toEqual(Array.from({ length: 100 }, (_, at) => at));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('steal', () => {
  test('of a free lock is a plain grant', async () => {
    const thief = await held(one, 'a', { steal: true });
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    expect(await thief.finish('value')).toBe('value');
    expect(await line('a')).toEqual(FREE);
  });

  test('rejects the victim with AbortError at once though its callback still runs, and ignores what that comes to', async () => {
    for (const thiefIs of [one, other]) {
      for (const end of ['endLate', 'fail'] as const) {
        const victim = await held(one, 'a');
        const thief = await held(thiefIs, 'a', { steal: true });
        expect(await domException(victim.result)).toBe('AbortError');
        await victim[end]('ignored');
        // The victim's end is not the thief's.
        expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
        expect(thief.settled).toBe(false);
        expect(await thief.finish('thief')).toBe('thief');
      }
    }
  });

  test('rejects a victim with AbortError that ends, or fails, before it can have noticed', async () => {
    for (const error of [null, new Error('its own')]) {
      const victim = one.locks.request('a', async () => {
        await turn();
        // From here on no turn of the event loop, in which this client could be told.
        await other.store.join(
          'a',
          { kind: 'lock', permits: 1 },
          { ask: 1, label: '', onlyIfGranted: false, steal: true },
        );
        if (error) throw error;
        return 'value';
      });
      expect(await domException(victim)).toBe('AbortError');
      const [thief] = (await other.store.snapshot('a'))?.entries ?? [];
      await other.store.evict('a', thief?.ticket ?? 0, { reason: 'over', by: 'test' });
    }
  });

  test('by the callback itself, before it returns, rejects it at once, too', async () => {
    let thief: Promise<string> | undefined;
    const victim = one.locks.request('a', () => {
      thief = one.locks.request('a', { steal: true }, () => 'thief');
      return new Promise(() => undefined);
    });
    expect(await domException(victim)).toBe('AbortError');
    expect(await thief).toBe('thief');
  });

  test('before the callback was called rejects at once, and the callback is called all the same', async () => {
    const victim = new Asked(one, 'a');
    const thief = new Asked(one, 'a', { steal: true });
    expect(await domException(victim.result)).toBe('AbortError');
    expect(await victim.called).toEqual({ name: 'a', mode: 'exclusive' });
    await victim.endLate();
    await thief.called;
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    await thief.finish();
  });

  test('says in its cause who took the lock', async () => {
    const victim = await held(one, 'a');
    const thief = await held(other, 'a', { steal: true });
    const error = (await rejection(victim.result)) as DOMException;
    expect(error.cause).toBeInstanceOf(LeaseLostError);
    expect(error.message).toContain(`stolen (by pid ${process.pid}`);
    await thief.finish();
  });

  test('takes the lock from every shared holder', async () => {
    const victims = [await held(one, 'a', { mode: 'shared' }), await held(other, 'a', { mode: 'shared' })];
    const thief = await held(one, 'a', { steal: true });
    for (const { result } of victims) expect(await domException(result)).toBe('AbortError');
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    await victims[0]?.endLate();
    await thief.finish();
  });

  test('from a thief: the second has it, the first is a victim', async () => {
    const victim = await held(one, 'a');
    const first = await held(other, 'a', { steal: true });
    const second = await held(one, 'a', { steal: true });
    expect(await domException(victim.result)).toBe('AbortError');
    expect(await domException(first.result)).toBe('AbortError');
    await first.endLate();
    await victim.endLate();
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: [] });
    expect(await second.finish('second')).toBe('second');
  });

  test('is granted before those pending, who keep their order behind it, with fencing tokens newer than its own', async () => {
    const order: string[] = [];
    const token = async () => (await other.store.snapshot('a'))?.entries.find((one) => one.state === 'holding')?.token;
    const tokens: Array<number | undefined> = [];
    const victim = await held(one, 'a');
    tokens.push(await token());
    const pending = [one, other, one].map(({ locks: manager }, at) =>
      manager.request('a', async () => {
        order.push(`pending ${at}`);
        tokens.push(await token());
      }),
    );
    const before = (await other.store.snapshot('a'))?.entries.slice(1).map(({ ticket }) => ticket);
    const thief = await held(other, 'a', { steal: true });
    tokens.push(await token());
    order.push('thief');
    expect(await domException(victim.result)).toBe('AbortError');
    expect((await other.store.snapshot('a'))?.entries.slice(1).map(({ ticket }) => ticket)).toEqual(before);
    await thief.finish();
    await Promise.all(pending);
    expect(order).toEqual(['thief', 'pending 0', 'pending 1', 'pending 2']);
    expect(tokens).toEqual([...tokens].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(tokens).size).toBe(5);
  });

  test('does not end what is pending: only an abort or a grant does', async () => {
    const victim = await held(one, 'a');
    const abort = new AbortController();
    const waiter = new Asked(other, 'a', { signal: abort.signal });
    const thief = await held(one, 'a', { steal: true });
    await rejection(victim.result);
    expect([await line('a'), waiter.settled]).toEqual([{ held: ['exclusive'], pending: ['exclusive'] }, false]);
    abort.abort('reason');
    expect(await rejection(waiter.result)).toBe('reason');
    await thief.finish();
  });

  test('of one name leaves others alone', async () => {
    const bystander = await held(one, 'b');
    const thief = await held(other, 'a', { steal: true });
    expect(await bystander.finish('untouched')).toBe('untouched');
    await thief.finish();
  });
});

describe('query', () => {
  test('knows nothing where nothing was asked for, and has two lists of its own each time', async () => {
    const [first, second] = [await one.locks.query(), await one.locks.query()];
    expect([first, second]).toEqual([FREE, FREE]);
    expect(first.held).not.toBe(second.held);
  });

  test('lists name, mode and client of what is held and pending, in the order of requests', async () => {
    const all = [
      await held(one, 'b', { mode: 'shared' }),
      await held(other, 'b', { mode: 'shared' }),
      await held(one, 'a'),
      new Asked(other, 'a', { mode: 'shared' }),
      new Asked(one, 'a'),
      new Asked(other, 'a'),
    ];
    const [mine, theirs] = [one, other].map(({ disk }) => disk.presence.session.key) as [string, string];
    const snapshot = await one.locks.query();
    expect(snapshot).toEqual({
      held: [
        { name: 'a', mode: 'exclusive', clientId: mine },
        { name: 'b', mode: 'shared', clientId: mine },
        { name: 'b', mode: 'shared', clientId: theirs },
      ],
      pending: [
        { name: 'a', mode: 'shared', clientId: theirs },
        { name: 'a', mode: 'exclusive', clientId: mine },
        { name: 'a', mode: 'exclusive', clientId: theirs },
      ],
    });
    expect(await other.locks.query()).toEqual(snapshot);
    for (const asked of all) {
      await asked.called;
      await asked.finish();
    }
    expect(await one.locks.query()).toEqual(FREE);
  });

  test('gives a client one clientId for all its requests, also for one that another process adopted', async () => {
    const lease = await new Lock('adopted', { store: one.store }).acquire();
    const plain = await held(one, 'plain');
    expect(await lease.adopt(process.pid)).toBe(true);
    const ids = (await other.locks.query()).held.map(({ clientId }) => clientId);
    expect(ids).toEqual(Array(2).fill(one.disk.presence.session.key));
    await lease.release();
    await plain.finish();
  });

  test('sees a request as soon as it was made, and not any more as soon as it is settled', async () => {
    const holder = new Asked(one, 'a');
    const waiter = new Asked(one, 'a');
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: ['exclusive'] });
    await holder.finish();
    await waiter.finish();
    expect(await line('a')).toEqual(FREE);
  });
});

describe('a wait for what is held around it', () => {
  const exclusive = { mode: 'exclusive' } as const;

  test('is reported as a DeadlockError, and leaves nothing pending', async () => {
    const inner = async () => rejection(one.locks.request('a', never));
    const error = await one.locks.request('a', inner);
    expect(error).toBeInstanceOf(DeadlockError);
    expect(await line('a')).toEqual(FREE);
    expect(await one.locks.request('a', { mode: 'shared' }, inner)).toBeInstanceOf(DeadlockError);
  });

  test('is none where the modes fit: shared within shared is granted', async () => {
    const inner = () => one.locks.request('a', { mode: 'shared' }, () => 'in');
    expect(await one.locks.request('a', { mode: 'shared' }, inner)).toBe('in');
  });

  test('is none with ifAvailable, which gives null, nor with steal, which takes it', async () => {
    const available = () => one.locks.request('a', { ifAvailable: true }, (lock) => lock);
    expect(await one.locks.request('a', available)).toBeNull();
    let inner: Promise<string> | undefined;
    const outer = one.locks.request('a', () => {
      inner = one.locks.request('a', { steal: true }, () => 'in');
      return inner;
    });
    expect(await domException(outer)).toBe('AbortError');
    expect(await inner).toBe('in');
  });

  test('lasts as long as in a browser with detectDeadlock: false', async () => {
    const abort = new AbortController();
    await one.locks.request('a', async () => {
      const silent = new Asked(one, 'a', { ...exclusive, detectDeadlock: false, signal: abort.signal });
      // One who asks later, and is told, has looked at the same line.
      expect(await rejection(one.locks.request('a', never))).toBeInstanceOf(DeadlockError);
      expect([await line('a'), silent.settled]).toEqual([{ held: ['exclusive'], pending: ['exclusive'] }, false]);
      abort.abort('enough');
      expect(await rejection(silent.result)).toBe('enough');
    });
  });

  test('is granted after the callback if that does not await it, however long the callback takes', async () => {
    const later: Array<Promise<string>> = [];
    const ask = (as: string) => {
      const asked = one.locks.request('a', () => as);
      later.push(asked);
      return asked;
    };
    await one.locks.request('a', async () => {
      void ask('alone');
      void (async () => void (await ask('awaited by another task')))();
      await one.locks.request('b', () => void ask('in another callback'));
      // Past the second check of a wait.
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect((await line('a')).pending).toHaveLength(3);
    });
    expect(await Promise.all(later)).toEqual(['alone', 'awaited by another task', 'in another callback']);
  });

  test('is granted after the callback if that does not await it, with detectDeadlock: false or in an Owner of its own', async () => {
    const later: Array<Promise<string>> = [];
    await one.locks.request('a', () => {
      later.push(one.locks.request('a', { detectDeadlock: false }, () => 'first'));
      later.push(new Owner().run(() => one.locks.request('a', () => 'second')));
    });
    expect(await Promise.all(later)).toEqual(['first', 'second']);
  });
});

describe('a lock that is taken away by force (evict)', () => {
  test('rejects with AbortError at once, though the callback still runs', async () => {
    const victim = await held(one, 'a');
    const [entry] = (await other.store.snapshot('a'))?.entries ?? [];
    await other.store.evict('a', entry?.ticket ?? 0, { reason: 'broken', by: 'an operator' });
    const error = (await rejection(victim.result)) as DOMException;
    expect([error.name, error.message]).toEqual(['AbortError', expect.stringMatching(/broken \(by an operator\)/)]);
    await victim.endLate();
    expect(await line('a')).toEqual(FREE);
  });

  test('rejects a pending request with AbortError, and its callback is never called', async () => {
    const holder = await held(one, 'a');
    const waiter = new Asked(one, 'a');
    const entry = (await other.store.snapshot('a'))?.entries.at(-1);
    await other.store.evict('a', entry?.ticket ?? 0, { reason: 'broken', by: 'an operator' });
    const error = (await rejection(waiter.result)) as DOMException;
    expect([error.name, error.message]).toEqual(['AbortError', expect.stringMatching(/broken \(by an operator\)/)]);
    expect(waiter.calls).toBe(0);
    expect(await holder.finish('value')).toBe('value');
  });
});

describe('the same name is the same lock', () => {
  test('for Lock and RWLock of the store: they meet in its line, and in query', async () => {
    const lease = await new Lock('a', { store: other.store }).acquire();
    expect(await one.locks.request('a', { ifAvailable: true }, (lock) => lock)).toBeNull();
    const waiter = new Asked(one, 'a', { mode: 'shared' });
    expect(await line('a')).toEqual({ held: ['exclusive'], pending: ['shared'] });
    await lease.release();
    await waiter.called;
    const readers = new RWLock('a', { store: other.store });
    const shared = await readers.tryAcquire({ mode: 'shared' });
    expect(await line('a')).toEqual({ held: ['shared', 'shared'], pending: [] });
    expect(await readers.tryAcquire({ mode: 'exclusive' })).toBeNull();
    await shared?.release();
    await waiter.finish();
  });

  test('steal takes it from a Lock, whose lease learns it', async () => {
    const lease = await new Lock('a', { store: other.store }).acquire();
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', () => resolve(lease.signal.reason)));
    expect(await one.locks.request('a', { steal: true }, () => 'stolen')).toBe('stolen');
    expect(await lost).toBeInstanceOf(LeaseLostError);
    await expect(lease.release()).rejects.toThrow(LeaseLostError);
  });

  test('for every LockManager of the store, and in another store it is another lock', async () => {
    const holder = await held(one, 'a');
    const again = new LockManager({ store: one.store });
    const elsewhere = new LockManager({ store: path.join(root, 'elsewhere') });
    const available = (manager: LockManager) => manager.request('a', { ifAvailable: true }, (lock) => lock !== null);
    expect([await available(again), await available(elsewhere)]).toEqual([false, true]);
    await holder.finish();
  });

  test('locks is a LockManager, and making one touches no file', () => {
    expect(locks).toBeInstanceOf(LockManager);
    new LockManager({ store: path.join(root, 'untouched') });
    expect(fs.existsSync(path.join(root, 'untouched'))).toBe(false);
  });
});
