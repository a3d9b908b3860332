import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { LeaseLostError } from '../../lib/errors.ts';
import type { Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Lease } from '../../lib/primitives/lease.ts';
import { Lock } from '../../lib/primitives/lock.ts';
import { Session } from '../../lib/session/session.ts';
import { FaultyHost } from '../faults/faulty-host.ts';

/** What is done to a store under a holder and a waiter. */

let root: string;
let store: string;
let disks: DiskStore[];
let lease: Lease;
let waiter: Promise<unknown>;
let newcomer: Lock;

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-in-use-'));
  store = path.join(root, 'store');
  disks = [];
  lease = await open().acquire();
  waiter = open()
    .acquire({ detectDeadlock: false })
    .then(
      (won) => won,
      (error) => error,
    );
  newcomer = open();
  expect((await newcomer.inspect()).entries.map(({ state }) => state)).toEqual(['holding', 'waiting']);
});

afterEach(() => {
  for (const disk of disks) disk.presence.withdraw();
  fs.rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
});

function open(host: Host = nodeHost): Lock {
  const directory = openStoreDirectory(host, store);
  const disk = new DiskStore({ host, session: new Session(host), directory, heartbeatMs: 0 });
  disks.push(disk);
  return new Lock('deploy', { store: disk });
}

/** Every open journal is compared with what is at its place at most every 100 ms. */
const untilLookedAt = () => new Promise((resolve) => setTimeout(resolve, 110));

const DONE: Array<[string, () => void]> = [
  ['deleted', () => fs.rmSync(store, { recursive: true })],
  ['moved away', () => fs.renameSync(store, path.join(root, 'elsewhere'))],
  [
    'replaced by a copy',
    () => {
      fs.cpSync(store, path.join(root, 'copy'), { recursive: true });
      fs.rmSync(store, { recursive: true });
      fs.renameSync(path.join(root, 'copy'), store);
      fs.chmodSync(store, 0o700);
    },
  ],
  ['emptied', () => fs.rmSync(path.join(store, 'resources'), { recursive: true })],
];

describe.each(DONE)('a store that is %s', (kind, act) => {
  test('is lost to its holder and its waiter, which are notified, and to no other process', async () => {
    const { signal } = lease;
    act();
    expect(await waiter).toMatchObject({ name: 'StoreError', code: 'EVICTED' });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    await expect(lease.release()).rejects.toThrow(LeaseLostError);
    // In a copy the old entries stand as they stood; whoever put them there has lost them, and is alive.
    const next = await newcomer.tryAcquire();
    expect(next === null).toBe(kind === 'replaced by a copy');
    await next?.release();
  });
});

test('a journal that was rolled back in place is lost to those whose records are gone', async () => {
  const journal = path.join(store, 'resources', 'deploy', 'journal.1');
  const bytes = fs.readFileSync(journal);
  fs.truncateSync(journal, bytes.indexOf('\n'));
  expect(await waiter).toMatchObject({ code: 'EVICTED' });
  await untilLookedAt();
  await expect(lease.assertHeld()).rejects.toThrow(LeaseLostError);
  expect(await newcomer.tryAcquire()).not.toBeNull();
});

test.each(['EACCES', 'EROFS'] as const)(
  'in a store that nobody may write any more (%s) all stays as it is, and goes on when it may',
  async (code) => {
    const host = new FaultyHost();
    const theirs = open(host);
    await theirs.inspect();
    host.failWhen((_, kind) =>
      ['write', 'create', 'makeDirectory', 'link', 'remove', 'rename'].includes(kind) ? code : null,
    );
    await expect(theirs.acquire({ timeout: 0 })).rejects.toMatchObject({
      code: code === 'EROFS' ? 'STORE_READ_ONLY' : 'STORE_DENIED',
    });
    // Who holds is still to be seen.
    expect((await theirs.inspect()).entries).toHaveLength(2);
    expect(lease.held).toBe(true);
    host.mend();
    await lease.release();
    await ((await waiter) as Lease).release();
    await (await theirs.acquire()).release();
    host.exit();
    host.end();
  },
);

test.each(['', '\0', 'x'.repeat(300), 'damaged'])(
  'what another waiter says it keeps (%j) ends nobody’s wait',
  async (kept) => {
    const damaged = path.join(store, 'resources', 'damaged');
    fs.mkdirSync(damaged);
    fs.writeFileSync(path.join(damaged, 'journal.1'), 'garbage');
    const journal = path.join(store, 'resources', 'deploy', 'journal.1');
    const [, , second] = fs.readFileSync(journal, 'utf8').split('\n');
    const ticket = (await newcomer.inspect()).entries[1]?.ticket;
    expect(second).toContain('enter');
    fs.appendFileSync(journal, `\n${JSON.stringify(['keep', 'z:1', ticket, 1, [[kept, 1]], 1])}`);
    const mine = new Lock('mine', { store: newcomer.store });
    await mine.withLock(async () => {
      await expect(newcomer.acquire({ timeout: 100 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
      expect(() => newcomer.acquireSync({ timeout: 100 })).toThrow(expect.objectContaining({ code: 'LOCK_TIMEOUT' }));
    });
    await lease.release();
    await ((await waiter) as Lease).release();
  },
);

test('waking somebody follows no symbolic link that stands in the place of a session’s file', async () => {
  const bait = path.join(root, 'bait');
  fs.writeFileSync(bait, 'untouched');
  fs.utimesSync(bait, 1, 1);
  const sessions = path.join(store, 'sessions');
  for (const file of fs.readdirSync(sessions)) {
    fs.rmSync(path.join(sessions, file));
    fs.symlinkSync(bait, path.join(sessions, file));
  }
  await lease.release();
  await ((await waiter) as Lease).release();
  expect(fs.statSync(bait).mtimeMs).toBe(1_000);
  expect(fs.readFileSync(bait, 'utf8')).toBe('untouched');
});
