import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import type { Files } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { pinnedHost } from '../../lib/host/pinned-files.ts';
import { Lock, openStore, type Store } from '../../lib/index.ts';
import { Session } from '../../lib/session/session.ts';
import { temporaryDirectory } from '../support/tape.ts';

const NAMES = 40;

let place: string;
let store: Store;
beforeEach(async () => {
  place = path.join(temporaryDirectory(), 'store');
  store = openStore(place);
  for (let number = 0; number < NAMES; number++) {
    await (await new Lock(`n${number}`, { store }).acquire()).release();
    longAgo(`n${number}`);
  }
});

function directoryOf(name: string): string {
  return path.join(place, 'resources', name);
}

/** A journal's directory that has not changed for an hour. */
function longAgo(name: string): void {
  const then = Date.now() / 1_000 - 3_600;
  fs.utimesSync(directoryOf(name), then, then);
}

/** The store as another session has it, with every call for a file counted. */
function stranger(changes: Partial<Files> = {}) {
  const calls: string[] = [];
  const real = { ...nodeHost.files, ...changes };
  const counted = Object.entries(real).map(([call, run]) => [
    call,
    (...args: unknown[]) => {
      calls.push(call);
      return (run as (...given: unknown[]) => unknown)(...args);
    },
  ]);
  const machine = { ...nodeHost, files: Object.fromEntries(counted) as Files };
  const directory = openStoreDirectory(nodeHost, place);
  const host = pinnedHost(machine, directory);
  return { calls, disk: new DiskStore({ host, session: new Session(host), directory }) };
}

test('a look at each of many names takes six calls for files each, and leaves no journal open', () => {
  const { calls, disk } = stranger();
  const names = disk.names();
  expect(names).toHaveLength(NAMES);
  calls.length = 0;
  for (const name of names) expect(disk.snapshot(name)).toMatchObject({ name, entries: [] });
  // Two for all of them together, unless the machine takes longer than 100 ms.
  expect(calls.length).toBeLessThanOrEqual(NAMES * 6 + 20);
  const count = (call: string) => calls.filter((one) => one === call).length;
  expect([count('list'), count('openForReading'), count('read'), count('close')]).toEqual(Array(4).fill(NAMES));
  expect(calls).not.toContain('openForAppend');
  expect(calls).not.toContain('write');
});

test('a second look keeps the journal open, and a third one neither lists nor opens', () => {
  const { calls, disk } = stranger();
  disk.snapshot('n1');
  disk.snapshot('n1');
  expect(calls).toContain('openForAppend');
  calls.length = 0;
  disk.snapshot('n1');
  expect(calls).not.toContain('list');
  expect(calls).not.toContain('openForAppend');
  expect(calls).not.toContain('openForReading');
});

test('a look sees who holds and who waits, in every epoch', async () => {
  const lock = new Lock('n2', { store: openStore(path.join(temporaryDirectory(), 'small'), { rotateBytes: 200 }) });
  for (let round = 0; round < 20; round++) {
    const lease = await lock.acquire();
    const waiting = lock.acquire();
    place = lock.store.place;
    const line = stranger().disk.snapshot('n2');
    expect(line?.entries.map(({ state }) => state)).toEqual(['holding', 'waiting']);
    await lease.release();
    await (await waiting).release();
  }
  expect(fs.readdirSync(directoryOf('n2'))).not.toContain('journal.1');
});

test('a journal that is rotated between the listing and the opening is listed again', () => {
  let opened = 0;
  const { disk, calls } = stranger({
    openForReading(file) {
      const fd = nodeHost.files.openForReading(file);
      // As a rotation does that has happened meanwhile.
      if (++opened === 1) fs.copyFileSync(file, file.replace(/1$/, '2'));
      return fd;
    },
  });
  expect(disk.snapshot('n3')).toMatchObject({ name: 'n3' });
  expect(opened).toBe(2);
  expect(calls.filter((call) => call === 'list')).toHaveLength(4);
});

test('a directory that has just changed is listed again behind the opening: its time may not show another change', () => {
  fs.utimesSync(directoryOf('n4'), new Date(), new Date());
  const { disk, calls } = stranger();
  expect(disk.snapshot('n4')).toMatchObject({ name: 'n4' });
  expect(calls.filter((call) => call === 'list')).toHaveLength(2);
});

test('a look at a name that is forgotten, or was never used, finds none', async () => {
  await store.forget('n5');
  const { disk } = stranger();
  expect([disk.snapshot('n5'), disk.snapshot('never')]).toEqual([null, null]);
});

test('a look does not follow a link in the place of a name', () => {
  fs.symlinkSync(directoryOf('n6'), directoryOf('link'));
  expect(() => stranger().disk.snapshot('link')).toThrow(expect.objectContaining({ name: 'StoreError' }));
});

test('a journal of more than a gigabyte is refused without being read', () => {
  fs.truncateSync(path.join(directoryOf('n7'), 'journal.1'), 2 ** 31);
  const { disk, calls } = stranger();
  expect(() => disk.snapshot('n7')).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  expect(calls.filter((call) => call === 'read')).toHaveLength(1);
});

test('a session that looks at a line of its own entries asks the kernel for none of them', () => {
  const { calls, disk } = stranger();
  const request = { ask: 1, label: '', onlyIfGranted: false };
  const entries = Array.from({ length: 30 }, () => disk.join('n8', { kind: 'lock', permits: 1 }, request));
  calls.length = 0;
  expect(disk.snapshot('n8')?.entries).toHaveLength(30);
  expect(calls.length).toBeLessThan(10);
  for (const entry of entries) disk.leave(entry);
});
