import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DiskEntry } from '../../lib/disk/disk-entry.ts';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { Condition } from '../../lib/primitives/condition.ts';
import { Counter } from '../../lib/primitives/counter.ts';
import { Lock } from '../../lib/primitives/lock.ts';
import { Session } from '../../lib/session/session.ts';
import { type Fault, FaultyHost } from './faulty-host.ts';

/** What becomes of whoever cannot write that it leaves. */

const LIBRARY = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));

let root: string;
let host: FaultyHost;
let sound: FaultyHost;
let mine: Lock;
let theirs: Lock;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-not-written-'));
  host = new FaultyHost();
  sound = new FaultyHost();
  mine = new Lock('deploy', { store: open(host) });
  theirs = new Lock('deploy', { store: open(sound) });
});

afterEach(() => {
  host.mend();
  host.exit();
  sound.exit();
  host.end();
  sound.end();
  fs.rmSync(root, { recursive: true, force: true });
});

function open(machine: FaultyHost): DiskStore {
  return storeOf(machine, path.join(root, 'store'));
}

function storeOf(machine: FaultyHost, place: string): DiskStore {
  const directory = openStoreDirectory(machine, place);
  const disk = new DiskStore({ host: machine, session: new Session(machine), directory, heartbeatMs: 0 });
  return disk;
}

function failWrites(fault: Fault): void {
  host.failWhen((_, kind) => (kind === 'write' ? fault : null));
}

const full = expect.objectContaining({ name: 'StoreError', code: 'STORE_FULL' });

/** Lets time pass for both until something is so. */
async function settle(one: FaultyHost, other: FaultyHost, isSo: () => Promise<boolean>): Promise<void> {
  let done = false;
  const asking = (async () => {
    while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
    done = true;
  })();
  while (!done) {
    one.runTimers();
    other.runTimers();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await asking;
}

async function inLine(): Promise<string[]> {
  return ((await theirs.inspect())?.entries ?? []).map(({ label, state }) => `${label} ${state}`);
}

describe('a holder that cannot write its leave', () => {
  test.each(['ENOSPC', 'short', 'none'] as const)(
    'gets an error, holds on, and may release again (%s)',
    async (fault) => {
      const lease = await mine.acquire({ label: 'mine' });
      failWrites(fault);
      await expect(lease.release()).rejects.toEqual(full);
      await expect(lease.release()).rejects.toEqual(full);
      expect(lease.held).toBe(true);
      expect(() => lease.releaseSync()).toThrow(full);
      expect(await theirs.tryAcquire()).toBeNull();
      host.mend();
      // Nobody but its owner says when it is released.
      host.runTimers();
      expect(await inLine()).toEqual(['mine holding']);
      await lease.release();
      expect(lease.held).toBe(false);
      expect(await theirs.tryAcquire()).not.toBeNull();
    },
  );

  test('has released if the write was done, whatever the system said of it', async () => {
    const lease = await mine.acquire();
    failWrites('done');
    await lease.release();
    expect(await inLine()).toEqual([]);
  });

  test('learns that it is unsure if it can read nothing back either, and knows as soon as it can', async () => {
    const lease = await mine.acquire();
    host.failWhen((_, kind) => (kind === 'read' ? 'EIO' : null));
    await expect(lease.release()).rejects.toEqual(expect.objectContaining({ code: 'STORE_UNSURE' }));
    expect(await inLine()).toEqual([]);
    host.mend();
    await lease.release();
    expect(lease.held).toBe(false);
  });

  test.each(['withLock', 'await using'] as const)(
    'at the end of a block (%s) gets an error, and leaves as soon as it can',
    async (how) => {
      const block = async () => {
        if (how === 'withLock') return mine.withLock(() => failWrites('ENOSPC'));
        await using _lease = await mine.acquire();
        failWrites('ENOSPC');
      };
      await expect(block()).rejects.toEqual(full);
      host.runTimers();
      expect(await inLine()).toHaveLength(1);
      host.mend();
      host.runTimers();
      expect(await inLine()).toEqual([]);
    },
  );

  test('gets the error that its work threw, not one that followed', async () => {
    const work = () => {
      failWrites('ENOSPC');
      throw new Error('the work failed');
    };
    await expect(mine.withLock(work)).rejects.toThrow('the work failed');
    host.mend();
    // Before its own next entry joins, too.
    expect(await mine.tryAcquire({ label: 'again' })).not.toBeNull();
    expect(await inLine()).toEqual(['again holding']);
  });
});

describe('a wait that is given up but cannot write its leave', () => {
  test('rejects with what is wrong with the disk, and leaves the line as soon as it can', async () => {
    const lease = await theirs.acquire({ label: 'theirs' });
    const abort = new AbortController();
    const wait = mine.acquire({ signal: abort.signal, label: 'mine', detectDeadlock: false });
    failWrites('ENOSPC');
    abort.abort(new Error('enough'));
    await expect(wait).rejects.toEqual(full);
    host.runTimers();
    expect(await inLine()).toEqual(['theirs holding', 'mine waiting']);
    // It is let in, and nobody there wants to be.
    await lease.release();
    expect(await inLine()).toEqual(['mine holding']);
    host.mend();
    host.runTimers();
    expect(await inLine()).toEqual([]);
  });

  test('of which the time ran out is the same', async () => {
    await theirs.acquire({ label: 'theirs' });
    const wait = mine.acquire({ timeout: 0, label: 'mine' });
    failWrites('ENOSPC');
    await expect(wait).rejects.toEqual(full);
    expect(() => mine.acquireSync({ timeout: 0 })).toThrow(full);
    host.mend();
    host.runTimers();
    expect(await inLine()).toEqual(['theirs holding']);
  });
});

describe('a wake-up of a condition that cannot be passed on', () => {
  test('goes to the next waiter as soon as it can', async () => {
    const conditions = [mine, theirs].map((lock) => new Condition('filled', { store: lock.store }));
    const [own, others] = conditions as [Condition, Condition];
    const lease = await own.acquire({ label: 'mine' });
    const rejected = own
      .wait({ label: 'mine' })
      .finally(() => lease.end().catch(() => undefined))
      .then(
        () => 'resolved',
        (error) => error,
      );
    await settle(host, sound, async () => (await others.lock.inspect()).entries.length === 0);
    const second = others.withLock(() => others.wait({ label: 'theirs', timeout: 5_000 }));
    await settle(host, sound, async () => (await others.inspect()).entries.length === 2);
    const notifying = others.withLock(async () => {
      await others.notify(1);
      // It is woken, and may neither take the lock nor say that it gives up.
      failWrites('EDQUOT');
    });
    await settle(host, sound, () => notifying.then(() => true));
    await settle(host, sound, () => rejected.then(() => true));
    expect(await rejected).toEqual(full);
    expect((await others.inspect()).entries.map(({ label, state }) => `${label} ${state}`)).toEqual([
      'mine holding',
      'theirs waiting',
    ]);
    host.mend();
    await settle(host, sound, () => second.then(() => true));
    expect(await second).toBe(true);
    expect((await others.inspect()).entries).toEqual([]);
  });
});

describe('an adoption that cannot be written', () => {
  test('leaves no trace of the other process, and the lease as it was', async () => {
    const lease = await mine.acquire({ label: 'mine' });
    const sessions = () => fs.readdirSync(path.join(root, 'store', 'sessions')).length;
    const before = sessions();
    failWrites('EDQUOT');
    await expect(lease.adopt(process.pid)).rejects.toEqual(full);
    expect(sessions()).toBe(before);
    host.mend();
    // It is nobody else's, so it ends with its session.
    host.exit();
    expect(await inLine()).toEqual([]);
  });

  test('but may be written counts as if it were: the process can be judged', async () => {
    const lease = await mine.acquire({ label: 'mine' });
    const sessions = () => fs.readdirSync(path.join(root, 'store', 'sessions')).length;
    const before = sessions();
    host.failWhen((_, kind) => (kind === 'read' ? 'EIO' : null));
    await expect(lease.adopt(process.pid)).rejects.toEqual(expect.objectContaining({ code: 'STORE_UNSURE' }));
    expect(sessions()).toBe(before + 1);
    host.mend();
    await lease.release();
    expect(await inLine()).toEqual([]);
  });
});

test('an entry that joined while something else of its process went wrong is in nobody’s way', async () => {
  const lease = await theirs.acquire({ label: 'theirs' });
  const { store } = mine;
  const config = { kind: 'lock', permits: 1 };
  const first = store.join('deploy', config, { ask: 1, label: 'first', onlyIfGranted: false }) as DiskEntry;
  first.listen(() => {
    throw new TypeError('a listener with a bug');
  });
  await lease.release();
  expect(() => store.join('deploy', config, { ask: 1, label: 'second', onlyIfGranted: false })).toThrow(TypeError);
  host.runTimers();
  expect(await inLine()).toEqual(['first holding']);
});

test('one who cannot read back that it joined gets an error, and is taken out of the line as soon as that can be done', async () => {
  const before = await mine.acquire();
  await before.release();
  let writes = 0;
  host.failWhen((_, kind) => {
    if (kind === 'write') writes += 1;
    return kind === 'read' && writes > 0 ? 'EIO' : null;
  });
  await expect(mine.acquire({ label: 'ghost' })).rejects.toEqual(expect.objectContaining({ code: 'STORE_UNSURE' }));
  expect(await inLine()).toEqual(['ghost holding']);
  host.mend();
  host.runTimers();
  expect(await inLine()).toEqual([]);
});

test('what others wrote counts at once, also where it was read by an operation that failed', async () => {
  const lease = await theirs.acquire();
  const store = mine.store.sync;
  const entry = store?.join('deploy', { kind: 'lock', permits: 1 }, { ask: 1, label: 'mine', onlyIfGranted: false });
  expect(entry?.state).toBe('waiting');
  await lease.release();
  failWrites('ENOSPC');
  if (entry) expect(() => store?.keep(entry, { held: [], waits: 1 })).toThrow(full);
  expect(entry?.state).toBe('holding');
});

test('a waiter that cannot write that the dead are dead waits on, and a later one writes it', async () => {
  const facts = { ...sound.processes.self(), start: 1 };
  const dead = { files: sound.files, clock: sound.clock, processes: { ...sound.processes, self: () => facts } };
  const directory = openStoreDirectory(sound, path.join(root, 'store'));
  const disk = new DiskStore({ host: dead, session: new Session(dead), directory, heartbeatMs: 0 });
  disk.join('deploy', { kind: 'lock', permits: 1 }, { ask: 1, label: 'dead', onlyIfGranted: false });
  let writes = 0;
  host.failWhen((_, kind) => (kind === 'write' && ++writes > 1 ? 'ENOSPC' : null));
  const store = mine.store.sync;
  const entry = store?.join('deploy', { kind: 'lock', permits: 1 }, { ask: 1, label: 'mine', onlyIfGranted: false });
  expect(entry?.state).toBe('waiting');
  expect(await inLine()).toEqual(['dead holding', 'mine waiting']);
  const lease = theirs.acquire({ label: 'theirs', timeout: 5_000 });
  host.mend();
  if (entry) store?.leave(entry);
  expect((await lease).held).toBe(true);
});

/** A file system of 256 KiB, or null where we may not mount one. */
function smallDisk(): string | null {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-small-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', directory]);
  if (mounted.status === 0) return directory;
  fs.rmdirSync(directory);
  return null;
}

test('on a disk that is really full the holder holds on until it ends, and its successor gets in', async ({ skip }) => {
  const disk = smallDisk();
  if (disk === null) return skip('only root may mount a small file system');
  try {
    const program = `
      import fs from 'node:fs';
      import { Lock, openStore } from ${JSON.stringify(LIBRARY)};
      const lock = new Lock('deploy', { store: openStore(${JSON.stringify(path.join(disk, 'store'))}) });
      const lease = await lock.acquire({ label: 'x'.repeat(100) });
      const fill = fs.openSync(${JSON.stringify(path.join(disk, 'fill'))}, 'w');
      try { for (;;) fs.writeSync(fill, Buffer.alloc(4096)); } catch {}
      // The journal's last page has some room: until it is used up, others come and go.
      const codes = new Set();
      const [entry] = lock.store.held();
      for (let round = 0; round < 200; round++) {
        const keeps = { held: [{ name: 'x'.repeat(200), ticket: round }], waits: 1 };
        try { await lock.store.keep(entry, keeps); } catch (error) { codes.add(error.code); }
      }
      const failed = await lease.release().then(() => null, (error) => error);
      console.log(JSON.stringify({ codes: [...codes], code: failed?.code, held: lease.held, message: failed?.message }));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
    const told = JSON.parse(String(said)) as Record<string, unknown>;
    expect(told).toMatchObject({ codes: ['STORE_FULL'], code: 'STORE_FULL', held: true });
    expect(told.message).toMatch(/no space is left on the device \(ENOSPC\)\. Free some, then try again\.$/);
    fs.rmSync(path.join(disk, 'fill'));
    const store = storeOf(sound, path.join(disk, 'store'));
    const lease = await new Lock('deploy', { store }).acquire({ timeout: 5_000 });
    expect(lease.held).toBe(true);
    await lease.release();
  } finally {
    sound.exit();
    sound.end();
    execFileSync('umount', [disk]);
    fs.rmdirSync(disk);
  }
});

describe('a take whose record cannot be read back', () => {
  function failReads(times: number): void {
    let failures = times;
    host.failWhen((_, kind) => (kind === 'read' && failures-- > 0 ? 'EIO' : null));
  }

  test('is asked for once more, and done once, if it has an id', async () => {
    const seats = new Counter('seats', { store: open(host) });
    await seats.add(5);
    failReads(1);
    expect(await seats.take(1, { id: 'a' })).toEqual({ left: 4, sequence: 1 });
    expect(await seats.get()).toBe(4);
  });

  test.each([{}, { id: 'a' }])('is an error that says so, if it stays that way: %j', async (options) => {
    const seats = new Counter('seats', { store: open(host) });
    await seats.add(5);
    failReads(3);
    await expect(seats.take(1, options)).rejects.toMatchObject({ name: 'StoreError', code: 'STORE_UNSURE' });
    host.mend();
    expect(await seats.get()).toBe(4);
    expect(await seats.take(1, { id: 'a' })).toEqual(
      'id' in options ? { left: 4, sequence: 1 } : { left: 3, sequence: 2 },
    );
  });

  test('is not asked for again without an id', async () => {
    const seats = new Counter('seats', { store: open(host) });
    await seats.add(5);
    failReads(1);
    await expect(seats.take()).rejects.toMatchObject({ code: 'STORE_UNSURE' });
    expect(await seats.get()).toBe(4);
  });
});
