import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import type { Files, Host } from '../../lib/host/host.ts';
import type { Kept } from '../../lib/line/entry.ts';
import { Barrier } from '../../lib/primitives/barrier.ts';
import { Condition } from '../../lib/primitives/condition.ts';
import { Event } from '../../lib/primitives/event.ts';
import { Flow, Owner } from '../../lib/primitives/flow.ts';
import { Lease } from '../../lib/primitives/lease.ts';
import { Lock } from '../../lib/primitives/lock.ts';
import { LockManager } from '../../lib/primitives/lock-manager.ts';
import { RLock } from '../../lib/primitives/rlock.ts';
import { RWLock } from '../../lib/primitives/rwlock.ts';
import { Semaphore } from '../../lib/primitives/semaphore.ts';
import { Session } from '../../lib/session/session.ts';
import { FAULTS, type Fault, FaultyHost } from './faulty-host.ts';

/**
 * Between the record that puts an entry into a line and the lease that the caller gets for it, anything may throw.
 * Whatever ends the call by rejecting, nothing of it stays in line, or only until the disk works again.
 */

const NAMES = ['lock', 'semaphore', 'rwlock', 'event', 'barrier', 'condition', 'condition.lock'];
const BASE = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
/** Enough turns of the event loop for everything that a call does between two timers. */
const MOST_TURNS = 2_000;
const MENDED_AT_TURN = 200;

const isLong = process.env.LOCKSTEP_FUZZ !== undefined;
const ONCE: readonly Fault[] = isLong ? [...FAULTS, 'bug'] : ['EDQUOT', 'done', 'bug'];
const FOR_A_WHILE: readonly Fault[] = isLong ? [...FAULTS, 'bug'] : ['errno 524'];

interface Party {
  store: DiskStore;
  key: string;
}

/** A way into a line. `result` ends by itself, or once the other has made way. */
interface Way {
  /** What it stands in line for, and who is in its way: a dead holder, a living one that makes way, or one that does not. */
  before: 'dead' | 'leaves' | 'stays';
  ask: (store: DiskStore) => Promise<unknown>;
  /** What the other does in the meantime. */
  meanwhile?: (store: DiskStore) => Promise<unknown>;
  /** What must have been done before anything fails. */
  prepare?: (store: DiskStore) => Promise<(store: DiskStore) => Promise<unknown>>;
}

const QUICKLY = { timeout: 1, label: 'mine' };
const MINE = { label: 'mine' };

function lockWays(): Record<string, Way> {
  const asks: Record<string, (store: DiskStore) => Promise<unknown>> = {
    acquire: (store) => new Lock('lock', { store }).acquire(MINE),
    withLock: (store) => new Lock('lock', { store }).withLock(() => 1, MINE),
    'RLock.withLock': (store) => new RLock('lock', { store }).withLock(() => 1, MINE),
    'Semaphore.acquire': (store) => new Semaphore('semaphore', 1, { store }).acquire(MINE),
    'RWLock.acquire, shared': (store) => new RWLock('lock', { store }).acquire({ ...MINE, mode: 'shared' }),
    'LockManager.request': (store) => new LockManager({ store }).request('lock', () => 1),
  };
  const ways: [string, Way][] = [];
  for (const [name, ask] of Object.entries(asks)) {
    ways.push([`${name}, behind the dead`, { before: 'dead', ask }]);
    if (isLong || name === 'acquire') ways.push([`${name}, behind one that leaves`, { before: 'leaves', ask }]);
  }
  return Object.fromEntries(ways);
}

const soon = async <T>(call: () => T): Promise<T> => call();

const WAYS: Record<string, Way> = {
  ...lockWays(),
  'acquire with too short a timeout': {
    before: 'stays',
    ask: (store) => new Lock('lock', { store }).acquire(QUICKLY),
  },
  'acquire that is aborted': {
    before: 'stays',
    ask: (store) => {
      const abort = new AbortController();
      setImmediate(() => abort.abort(new Error('enough')));
      return new Lock('lock', { store }).acquire({ ...MINE, signal: abort.signal });
    },
  },
  'acquireSync, behind the dead': {
    before: 'dead',
    ask: (store) => soon(() => new Lock('lock', { store }).acquireSync({ ...MINE, timeout: 500 })),
  },
  'acquireSync with too short a timeout': {
    before: 'stays',
    ask: (store) => soon(() => new Lock('lock', { store }).acquireSync(QUICKLY)),
  },
  'tryAcquire, behind the dead': { before: 'dead', ask: (store) => new Lock('lock', { store }).tryAcquire(MINE) },
  'tryAcquireSync, behind the dead': {
    before: 'dead',
    ask: (store) => soon(() => new Lock('lock', { store }).tryAcquireSync(MINE)),
  },
  'LockManager.request that steals': {
    before: 'stays',
    ask: (store) => new LockManager({ store }).request('lock', { steal: true }, () => 1),
  },
  'LockManager.request, if available': {
    before: 'dead',
    ask: (store) => new LockManager({ store }).request('lock', { ifAvailable: true }, () => 1),
  },
  'Event.wait': {
    before: 'leaves',
    ask: (store) => new Event('event', { store }).wait(MINE),
    meanwhile: (store) => new Event('event', { store }).set(),
  },
  'Event.wait with too short a timeout': {
    before: 'leaves',
    ask: (store) => new Event('event', { store }).wait(QUICKLY),
  },
  'Barrier.wait': {
    before: 'leaves',
    ask: (store) => new Barrier('barrier', 2, { store }).wait(MINE),
    meanwhile: (store) => new Barrier('barrier', 2, { store }).wait({ timeout: 20 }),
  },
  'Condition.wait': {
    before: 'leaves',
    ask: () => Promise.reject(new Error('prepared')),
    prepare: async (store) => {
      const condition = new Condition('condition', { store });
      const lease = await condition.acquire(MINE);
      return async () => {
        try {
          await condition.wait(MINE);
        } finally {
          // The caller has it, or what `held` says of it.
          await lease.end().catch(() => undefined);
        }
      };
    },
    meanwhile: async (store) => {
      const condition = new Condition('condition', { store });
      await condition.withLock(() => condition.notify(), { timeout: 100 });
    },
  },
};

/** An owner that throws, where Lockstep asks it or tells it something. */
class Faulty extends Owner {
  readonly #at: 'heldIn' | 'add';

  constructor(at: 'heldIn' | 'add') {
    super();
    this.#at = at;
  }

  override heldIn(store: DiskStore): Kept[] {
    if (this.#at === 'heldIn') throw new TypeError('a bug on purpose');
    return super.heldIn(store);
  }

  override add(lease: Lease): void {
    if (this.#at === 'add') throw new TypeError('a bug on purpose');
    super.add(lease);
  }
}

const OWNED: Record<string, [at: 'heldIn' | 'add', ask: (store: DiskStore, owner: Owner) => Promise<unknown>]> = {
  'acquire, as it begins to wait': ['heldIn', (store, owner) => new Lock('lock', { store }).acquire({ owner })],
  'acquire, once it holds': ['add', (store, owner) => new Lock('lock', { store }).acquire({ owner })],
  tryAcquire: ['add', (store, owner) => new Lock('lock', { store }).tryAcquire({ owner })],
  acquireSync: ['add', (store, owner) => soon(() => new Lock('lock', { store }).acquireSync({ owner, timeout: 1 }))],
  tryAcquireSync: ['add', (store, owner) => soon(() => new Lock('lock', { store }).tryAcquireSync({ owner }))],
};

const roots: string[] = [];
const hosts: FaultyHost[] = [];
afterEach(end);

function end(): void {
  for (const host of hosts.splice(0)) {
    host.mend();
    host.exit();
    host.end();
  }
  for (const root of roots.splice(0)) fs.rmSync(root, { recursive: true, force: true });
}

function party(host: Host, place: string): Party {
  const directory = openStoreDirectory(host, place);
  const session = new Session(host);
  const disk = new DiskStore({ host, session, directory, heartbeatMs: 0 });
  return { store: disk, key: session.key };
}

function newHost(): FaultyHost {
  const host = new FaultyHost();
  hosts.push(host);
  return host;
}

/** Lets time pass for them all until a promise has settled. */
async function settled(promise: Promise<unknown>, machines: readonly FaultyHost[], onTurn: (turn: number) => void) {
  let outcome: { value: unknown } | { error: unknown } | null = null;
  promise.then(
    (value) => {
      outcome = { value };
    },
    (error) => {
      outcome = { error };
    },
  );
  for (let turn = 0; turn < MOST_TURNS && outcome === null; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    onTurn(turn);
    for (const machine of machines) machine.runTimers();
  }
  if (outcome === null) throw new Error('it neither resolved nor rejected');
  return outcome as { value: unknown } | { error: unknown };
}

interface Played {
  calls: number;
  hits: readonly string[];
  rejected: boolean;
}

/** One call with one fault, to its end; and then what is left of it in the lines. */
async function play(way: Way, goesWrong: (call: number, kind: keyof Files) => Fault | null): Promise<Played> {
  const root = fs.mkdtempSync(path.join(BASE, 'lockstep-rejected-'));
  roots.push(root);
  const place = path.join(root, 'store');
  const [host, sound] = [newHost(), newHost()];
  const others = party(sound, place);
  const inTheWay = await makeWay(way, sound, place, others);
  const mine = party(host, place);
  const ask = (await way.prepare?.(mine.store)) ?? way.ask;
  host.failWhen(goesWrong);
  let meanwhile: Promise<unknown> = Promise.resolve();
  const outcome = await settled(ask(mine.store), [host, sound], (turn) => {
    // A waiter that cannot evict the dead waits until it can.
    if (turn === MENDED_AT_TURN) host.mend();
    if (turn === 3 && way.before === 'leaves') {
      meanwhile = Promise.all([inTheWay?.release(), way.meanwhile?.(others.store)]).catch(() => undefined);
    }
  });
  const { calls, hits } = host;
  host.mend();
  await settled(meanwhile, [host, sound], () => undefined);
  // A second later for its debts; and of a lease, its owner's release.
  host.runTimers();
  if ('value' in outcome && outcome.value instanceof Lease) await outcome.value.release();
  await checkNothingLeft(others, mine);
  return { calls, hits: [...hits], rejected: 'error' in outcome };
}

async function makeWay({ before }: Way, sound: FaultyHost, place: string, others: Party): Promise<Lease | null> {
  const dead = { ...sound.processes.self(), start: 1 };
  const host = { files: sound.files, clock: sound.clock, processes: { ...sound.processes, self: () => dead } };
  const { store } = before === 'dead' ? party(host, place) : others;
  await new Semaphore('semaphore', 1, { store }).acquire({ label: 'other' }).then((lease) => {
    if (before === 'leaves') return lease.release();
  });
  return new Lock('lock', { store }).acquire({ label: 'other' });
}

async function checkNothingLeft(others: Party, mine: Party): Promise<void> {
  for (const name of NAMES) {
    const entries = (await others.store.snapshot(name))?.entries ?? [];
    const left = entries.filter(({ owners }) => owners.some(({ session }) => session === mine.key));
    expect(left.map(({ state }) => `${name} ${state}`)).toEqual([]);
  }
}

/** Before the first write there is no entry: a quick run begins with that. */
async function firstWrite(way: Way): Promise<number> {
  let first = 0;
  await play(way, (call, kind) => {
    if (kind === 'write' && first === 0) first = call;
    return null;
  });
  return first;
}

async function checkAll(way: Way, from: number, fault: Fault, lasts: boolean): Promise<number> {
  let rejections = 0;
  for (let at = from; ; at++) {
    let played: Played;
    try {
      played = await play(way, (call) => (call === at || (lasts && call > at) ? fault : null));
    } catch (error) {
      throw new Error(`${fault} at call ${at}${lasts ? ' and from then on' : ''}: ${error}`, { cause: error });
    } finally {
      end();
    }
    rejections += Number(played.rejected);
    if (played.calls < at) return rejections;
  }
}

test.each(Object.entries(WAYS))(
  '%s: after it rejects, nothing of it stays in line once the disk works, whichever call went wrong and how',
  async (_name, way) => {
    const from = isLong ? 1 : await firstWrite(way);
    let rejections = 0;
    for (const fault of ONCE) rejections += await checkAll(way, from, fault, false);
    for (const fault of FOR_A_WHILE) rejections += await checkAll(way, from, fault, true);
    expect(rejections).toBeGreaterThan(0);
  },
  120_000,
);

test.each(['EDQUOT', 'ESTALE', 'EIO', 'errno 524', 'bug'] as const)(
  'a waiter whose eviction of the dead fails, with %s, as it joins and as it looks again, is let in',
  async (fault) => {
    let writes = 0;
    // Its own record is the first. (What was done before a bug counts: then there is no second try.)
    const twice = (_: number, kind: keyof Files) => (kind === 'write' && [2, 3].includes(++writes) ? fault : null);
    const ask = (store: DiskStore) => new Lock('lock', { store }).acquire(MINE);
    const { hits, rejected } = await play({ before: 'dead', ask }, twice);
    expect(hits[0]).toBe(`write ${fault}`);
    expect(hits).toHaveLength(fault === 'bug' ? 1 : 2);
    expect(rejected).toBe(false);
  },
);

test.each(Object.entries(OWNED))(
  'a bug between an entry and its lease (%s) leaves nothing in line',
  async (_name, [at, ask]) => {
    const root = fs.mkdtempSync(path.join(BASE, 'lockstep-rejected-'));
    roots.push(root);
    const [others, mine] = [newHost(), newHost()].map((host) => party(host, path.join(root, 'store'))) as [
      Party,
      Party,
    ];
    const lease = at === 'heldIn' ? await new Lock('lock', { store: others.store }).acquire() : null;
    await expect(ask(mine.store, new Faulty(at))).rejects.toThrow(TypeError);
    await lease?.release();
    await checkNothingLeft(others, mine);
  },
);

test('a bug as an RLock is acquired again leaves it to the leases that its owner has', async () => {
  const root = fs.mkdtempSync(path.join(BASE, 'lockstep-rejected-'));
  roots.push(root);
  const mine = party(newHost(), path.join(root, 'store'));
  const lock = new RLock('lock', { store: mine.store });
  await lock.withLock(async (lease) => {
    const flow = Flow.current as Flow;
    const add = vi.spyOn(flow, 'add').mockImplementation(() => {
      throw new TypeError('a bug on purpose');
    });
    await expect(lock.acquire()).rejects.toThrow(TypeError);
    add.mockRestore();
    await lease.release();
    await checkNothingLeft(mine, mine);
  });
});
