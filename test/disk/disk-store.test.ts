import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { DiskEntry } from '../../lib/disk/disk-entry.ts';
import { Lock, openStore } from '../../lib/index.ts';
import { Presence } from '../../lib/session/session-file.ts';
import { openDisk } from '../contract/parties.ts';
import { temporaryDirectory } from '../support/tape.ts';

const CONFIG = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: '', onlyIfGranted: false };

/** An entry that waits in a store of its own, behind one that holds. */
function waiter() {
  const store = openStore(path.join(temporaryDirectory(), 'store'));
  const holder = store.join('deploy', CONFIG, request) as DiskEntry;
  return { store, holder, entry: store.join('deploy', CONFIG, request) as DiskEntry };
}

test('a wait in a journal that can no longer be read ends with an error, at its first look and at a later one', async () => {
  for (const good of [0, 1, 2]) {
    const { store, holder, entry } = waiter();
    const { resource } = entry;
    let looks = 0;
    resource.refreshInPlace = () => {
      looks += 1;
      if (looks > good) throw new Error('unreadable');
    };
    await expect(store.changed(entry, { timeoutMs: 60_000, keepAlive: true })).rejects.toThrow('unreadable');
    expect(looks).toBe(good + 1);
    Reflect.deleteProperty(resource, 'refreshInPlace');
    await store.leave(entry);
    await store.leave(holder);
  }
});

test('a store that was closed has no journal open, and opens them again', async () => {
  const { store, holder } = waiter();
  const open = () => fs.readdirSync('/proc/self/fd').filter((fd) => isIn(fd, store.place)).length;
  expect(open()).toBeGreaterThan(0);
  await store.close();
  expect([holder.state, open()]).toEqual(['left', 0]);
  const again = await store.join('deploy', CONFIG, request);
  expect(again.state).toBe('holding');
  await store.close();
});

function isIn(fd: string, place: string): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(place);
  } catch {
    // It was the listing's own.
    return false;
  }
}

test('a lease whose loss was listened for is looked after no longer than it is held', async () => {
  const store = openStore(path.join(temporaryDirectory(), 'store'));
  const lock = new Lock('deploy', { store });
  const listening = new Set<() => void>();
  const { listen } = Presence.prototype;
  Presence.prototype.listen = function (listener) {
    const stop = listen.call(this, listener);
    listening.add(listener);
    return () => {
      listening.delete(listener);
      stop();
    };
  };
  try {
    const lease = await lock.acquire();
    expect(lease.signal.aborted).toBe(false);
    expect(listening.size).toBe(1);
    await lease.release();
    expect(listening.size).toBe(0);
  } finally {
    Presence.prototype.listen = listen;
  }
});

test('each of two who wait for a change of one entry is notified of it, not the last to come alone', async () => {
  const { store, holder, entry } = waiter();
  // No poll of its own comes in time to help.
  const options = { timeoutMs: 60_000, keepAlive: true };
  const changes = Promise.all([store.changed(entry, options), store.changed(entry, options)]);
  await store.leave(holder);
  await store.refresh(entry);
  await changes;
  expect(entry.state).toBe('holding');
  await store.leave(entry);
});

test('of two that stopped listening, neither stops the other', () => {
  const { store, entry } = waiter();
  const heard: string[] = [];
  const stop = entry.listen(() => heard.push('first'));
  entry.listen(() => heard.push('second'));
  stop();
  entry.changed();
  expect(heard).toEqual(['second']);
  void store.leave(entry);
});

test('one who makes sure of its file, and finds it gone, learns why its entry was ended from what is left of it', async () => {
  const { one, other, close } = openDisk({ hasLeaps: true });
  const entry = await one.join('deploy', CONFIG, request);
  await other.evict('deploy', entry.ticket, { reason: 'broken', by: 'test' });
  expect(await other.forget('deploy')).toBe('forgotten');
  await one.refresh(entry);
  expect([entry.state, entry.eviction]).toEqual(['lost', { reason: 'broken', by: 'test' }]);
  await close();
});
